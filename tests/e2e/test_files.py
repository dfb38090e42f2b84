"""`/v1/files` with the official clients, unchanged."""

import anthropic
import httpx
import openai
import pytest

from gateway import MASTER_KEY, Gateway, eventually, running


@pytest.fixture
def key(gateway):
    return gateway.new_key("ada")


@pytest.fixture
def client(gateway, key):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def stored(gateway):
    folder = gateway.folder / "otari-files"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_openais_client_keeps_and_reads_files(client, tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_bytes(b"a,b\n1,2\n" * 10_000)
    file = client.files.create(file=path, purpose="user_data")
    assert (file.filename, file.bytes, file.purpose, file.status) == ("numbers.csv", 80_000, "user_data", "processed")
    assert client.files.retrieve(file.id) == file
    assert client.files.wait_for_processing(file.id) == file
    content = client.files.content(file.id)
    assert content.read() == path.read_bytes()
    assert content.response.headers["content-length"] == "80000"
    with client.files.with_streaming_response.content(file.id) as streamed:
        assert b"".join(streamed.iter_bytes()) == path.read_bytes()
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_openais_client_walks_all_pages(client):
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="batch").id for n in range(5)]
    client.files.create(file=("other.txt", b"x"), purpose="user_data")
    pages = client.files.list(purpose="batch", limit=2, order="asc")
    assert pages.has_more
    assert [file.id for file in pages] == made
    assert [file.id for file in client.files.list(purpose="batch")] == made[::-1]


def test_a_file_with_an_end_of_its_own(client):
    file = client.files.create(
        file=("a.txt", b"x"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at == file.created_at + 3600


def test_openais_client_uploads_in_the_background(gateway, key):
    import asyncio

    async def upload():
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
            files = [client.files.create(file=(f"{n}", bytes([n]) * 500_000), purpose="user_data") for n in range(8)]
            made = await asyncio.gather(*files)
            return [(await client.files.content(file.id)).read()[:1] for file in made]

    assert asyncio.run(upload()) == [bytes([n]) for n in range(8)]


def test_anthropics_client_keeps_and_reads_files(gateway, key):
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as client:
        file = client.beta.files.upload(file=("notes.md", b"# Notes", "text/markdown"))
        assert (file.type, file.filename, file.mime_type, file.size_bytes, file.downloadable) == (
            "file", "notes.md", "text/markdown", 7, True,
        )
        assert client.beta.files.retrieve_metadata(file.id) == file
        assert client.beta.files.download(file.id).read() == b"# Notes"
        more = [client.beta.files.upload(file=(f"{n}", b"x")).id for n in range(3)]
        assert [found.id for found in client.beta.files.list(limit=2)] == [*more[::-1], file.id]
        assert {found.id for found in client.beta.files.list(ids=[more[0], file.id, "file-0"])} == {more[0], file.id}
        deleted = client.beta.files.delete(file.id)
        assert (deleted.id, deleted.type) == (file.id, "file_deleted")
        with pytest.raises(anthropic.NotFoundError):
            client.beta.files.retrieve_metadata(file.id)


def test_too_large_a_file_is_an_error_the_client_sees(sqlite, tmp_path):
    with running(Gateway(tmp_path / "node", sqlite.url, files_max_bytes=1_000_000)) as gateway:
        key = gateway.new_key("ada")
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as caught:
                client.files.create(file=("big", b"x" * 50_000_000), purpose="user_data")
            assert caught.value.status_code == 413

            # Nobody says beforehand how long this one is.
            def endless():
                yield b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
                for _ in range(200):
                    yield b"x" * 100_000

            with gateway.http(key) as http:
                headers = {"Content-Type": "multipart/form-data; boundary=b"}
                assert http.post("/v1/files", content=endless(), headers=headers).status_code == 413
        eventually(lambda: stored(gateway) == [])


def test_uploads_outlive_a_crash_and_half_ones_do_not(database, tmp_path):
    with running(Gateway(tmp_path / "node", database.url)) as gateway:
        key = gateway.new_key("ada")
        with gateway.http(key) as http:
            file = http.post("/v1/files", files={"file": ("a.txt", b"kept")}).json()

        def broken():
            yield b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
            for _ in range(100):
                yield b"x" * 100_000
            gateway.kill()

        with gateway.http(key) as http, pytest.raises(httpx.TransportError):
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            http.post("/v1/files", content=broken(), headers=headers)
        gateway.start()
        with gateway.http(key) as http:
            assert [kept["id"] for kept in http.get("/v1/files").json()["data"]] == [file["id"]]
            assert http.get(f"/v1/files/{file['id']}/content").content == b"kept"
        # The row of what broke off says that bytes are there, for the sweeper.
        assert [state for (state,) in database.query("SELECT state FROM files ORDER BY 1")] == ["ready", "uploading"]


def test_the_operator_names_an_owner(gateway, key):
    with gateway.http(MASTER_KEY) as http:
        upload = {"file": ("a.txt", b"x")}
        refused = http.post("/v1/files", files=upload)
        assert refused.status_code == 400
        assert "'user'" in refused.json()["detail"]
        file = http.post("/v1/files", files=upload, data={"user": "ada"}).json()
        assert http.get(f"/v1/files/{file['id']}", params={"user": "ada"}).json() == file
