"""Documents for models that read text only, sent as the official clients send them. `echo` answers with what it read."""

import base64
import io

import anthropic
import docx
import openai
import pytest
from reportlab.pdfgen import canvas

SENTENCE = "Revenue grew to 42 million"


def a_pdf(*pages):
    out = io.BytesIO()
    drawn = canvas.Canvas(out)
    for text in pages:
        drawn.drawString(72, 720, text)
        drawn.showPage()
    drawn.save()
    return out.getvalue()


def a_scan():
    out = io.BytesIO()
    drawn = canvas.Canvas(out)
    drawn.rect(100, 100, 200, 200, fill=1)
    drawn.save()
    return out.getvalue()


def a_docx():
    document = docx.Document()
    document.add_heading("Results", 1)
    document.add_paragraph(SENTENCE)
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Year", "2026"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.fixture
def key(gateway):
    return gateway.new_key("ada")


@pytest.fixture
def client(gateway, key):
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway, key):
    with anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0) as client:
        yield client


def data_url(content):
    return "data:application/octet-stream;base64," + base64.b64encode(content).decode()


def chat(client, name, content):
    part = {"type": "file", "file": {"filename": name, "file_data": data_url(content)}}
    return asked(client, part)


def asked(client, part):
    answer = client.chat.completions.create(
        model="echo:chat", messages=[{"role": "user", "content": [{"type": "text", "text": "Read it."}, part]}],
    )
    return answer.choices[0].message.content


def test_openais_client_has_documents_read(client):
    text = chat(client, "report.pdf", a_pdf("Summary", SENTENCE))
    assert SENTENCE in text and "[Page 2]" in text and "report.pdf" in text
    text = chat(client, "plan.docx", a_docx())
    assert "# Results" in text and SENTENCE in text and "| Year | 2026 |" in text


def test_openais_client_names_a_file_it_uploaded(client):
    file = client.files.create(file=("report.pdf", a_pdf(SENTENCE)), purpose="user_data")
    assert SENTENCE in asked(client, {"type": "file", "file": {"file_id": file.id}})
    answer = client.responses.create(
        model="echo:chat", input=[{"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}],
    )
    assert SENTENCE in answer.output_text


def test_anthropics_client_has_documents_read(claude):
    for content in (a_pdf(SENTENCE), a_docx()):
        source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(content).decode()}
        answer = claude.messages.create(
            model="echo:chat", max_tokens=1000,
            messages=[{"role": "user", "content": [{"type": "document", "source": source}]}],
        )
        assert SENTENCE in answer.content[0].text


def test_what_cannot_be_read_is_said(client):
    assert "could not be read" in chat(client, "a.pdf", b"%PDF-1.7 and then nothing")
    assert "could not be read" in chat(client, "a.pdf", b"\x00\x01\x02")
    assert "cannot see" in chat(client, "scan.pdf", a_scan())


def test_a_hundred_pages(client):
    pages = [f"This is page number {page}." for page in range(1, 101)]
    text = chat(client, "long.pdf", a_pdf(*pages))
    assert all(page in text for page in pages)
