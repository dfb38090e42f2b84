use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;

use super::*;
use crate::client_body::ClientBody;

const TYPE: &str = "multipart/form-data; boundary=\"b\"";
const USER: &str = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n";
/// The file holds what only looks like a delimiter's beginning.
const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n\
    --b\r\ncontent-disposition: form-data; name=model\r\n\r\nmock:whisper\r\n\
    --b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n\
    --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=\\\"model\\\".wav\"\r\n\
    Content-Type: audio/wav\r\n\r\n\r\n--\0RIFF\r\n--b--\r\n";

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

fn client_body(chunks: &[&[u8]], declared: bool) -> ClientBody {
    let length = chunks.iter().map(|chunk| chunk.len()).sum();
    let chunks: Vec<Bytes> = chunks.iter().copied().map(Bytes::copy_from_slice).collect();
    let chunks = stream::iter(chunks).map(Ok::<_, Infallible>);
    let chunks = chunks.map(|chunk| chunk.map_err(Into::into));
    ClientBody::new(chunks, declared.then_some(length), 10_000_000)
}

async fn read_all(content_type: &'static str, chunks: &[&[u8]]) -> Result<(), GatewayError> {
    let mut body = client_body(chunks, true);
    let mut upload = UploadForm::begin(&headers(content_type), &mut body).await?;
    while !upload.is_over() {
        upload.read(None).await?;
    }
    Ok(())
}

/// What a provider gets of a form that comes in these pieces, and the length it was told.
async fn sent(chunks: &[&[u8]], declared: bool) -> (Vec<u8>, Option<u64>) {
    let mut body = client_body(chunks, declared);
    let mut upload = UploadForm::begin(&headers(TYPE), &mut body).await.unwrap();
    assert_eq!(upload.form().value("model"), Some(&b"mock:whisper"[..]));
    let (feed, live) = upload.live("whisper-1", false);
    let told = http_body::Body::size_hint(&live).exact();
    let feeding = async {
        loop {
            while let Some(bytes) = upload.next("whisper-1") {
                let length = bytes.len();
                assert!(feed.send(bytes).await);
                upload.sent(length);
            }
            if upload.is_over() {
                break;
            }
            upload.read(None).await.unwrap();
        }
        assert!(feed.send(upload.padding()).await);
        assert!(feed.finish().await);
    };
    let ((), collected) = tokio::join!(feeding, live.collect());
    (collected.unwrap().to_bytes().to_vec(), told)
}

fn forwarded(body: &str) -> String {
    body.replace("mock:whisper", "whisper-1").replace(USER, "")
}

#[tokio::test]
async fn a_form_is_read_and_forwarded_with_its_own_fields_replaced() {
    let mut body = client_body(&[BODY.as_bytes()], true);
    let mut upload = UploadForm::begin(&headers(TYPE), &mut body).await.unwrap();
    while !upload.is_over() {
        upload.read(None).await.unwrap();
    }
    assert_eq!(upload.form().file_length("file"), Some(9));
    let form = upload.gathered();
    assert_eq!(form.value("model"), Some(&b"mock:whisper"[..]));
    assert_eq!(form.value("prompt"), Some(&b""[..]));
    assert_eq!(form.file("file"), Some(&b"\r\n--\0RIFF"[..]));
    assert_eq!(form.file("model"), None);
    let message = form.message("whisper-1");
    assert_eq!(String::from_utf8_lossy(&message.body), forwarded(BODY));
}

#[tokio::test]
async fn however_it_is_cut_the_same_is_sent() {
    let before = format!("preamble\r\n{BODY}epilogue");
    for whole in [BODY, &before] {
        let expected = forwarded(whole).replace("preamble\r\n", "");
        let bytes = whole.as_bytes();
        for first in 0..bytes.len() {
            let (a, rest) = bytes.split_at(first);
            for second in [0, 1, 2, 7, rest.len() / 2] {
                let (b, c) = rest.split_at(second.min(rest.len()));
                let (got, told) = sent(&[a, b, c], true).await;
                assert_eq!(String::from_utf8_lossy(&got), expected, "{first} {second}");
                assert_eq!(told, Some(expected.len() as u64), "{first} {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let (got, told) = sent(&single, false).await;
        assert_eq!(String::from_utf8_lossy(&got), expected);
        assert_eq!(told, None);
    }
}

#[tokio::test]
async fn a_field_that_is_left_out_late_leaves_the_length_that_was_told() {
    let late = BODY
        .replace(USER, "")
        .replace("--b--", &format!("{USER}--b--"));
    let expected = forwarded(BODY);
    let bytes = late.as_bytes();
    for cut in 0..bytes.len() {
        let (a, b) = bytes.split_at(cut);
        let (got, told) = sent(&[a, b], true).await;
        assert_eq!(told, Some(got.len() as u64), "{cut}");
        let rest = got
            .strip_prefix(expected.as_bytes())
            .expect("the form itself");
        assert!(rest.iter().all(u8::is_ascii_whitespace), "{cut}");
        let (got, told) = sent(&[a, b], false).await;
        assert_eq!((got.as_slice(), told), (expected.as_bytes(), None), "{cut}");
    }
}

#[tokio::test]
async fn what_could_be_read_differently_is_refused() {
    let part = |head: &str| format!("--b\r\n{head}\r\n\r\nv\r\n--b--\r\n");
    let twice = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nv\r\n".repeat(2);
    let long = format!(
        "Content-Disposition: form-data; name=\"a\"\r\nX: {}",
        "x".repeat(20_000)
    );
    for body in [
        String::new(),
        BODY.replace("--\0RIFF", "--bRIFF"),
        part("Content-Type: text/plain"),
        part("Content-Disposition: form-data"),
        part("Content-Disposition: attachment; name=\"model\""),
        part("Content-Disposition: form-data; name*=utf-8''model"),
        part("Content-Disposition: form-data; name=\"a\"; name=\"model\""),
        part("Content-Disposition: form-data; name=\"mod%65l\""),
        part(
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"",
        ),
        part(
            "Content-Disposition: form-data; name=\"a\"\nContent-Disposition: form-data; name=\"model\"",
        ),
        part("Content-Disposition: form-data; name=\"a\";\r\n name=\"model\""),
        part(&long),
        format!("{twice}--b--\r\n"),
        BODY.replace("--b--", "--c--"),
        part("Content-Disposition: form-data; name=\"a\"")
            .repeat(200)
            .replace("--b--\r\n", ""),
        "--b-x".to_owned(),
        "--b \t\rx".to_owned(),
    ] {
        let bytes = body.as_bytes();
        assert!(read_all(TYPE, &[bytes]).await.is_err(), "{body:?}");
        for cut in 0..bytes.len().min(400) {
            let (a, b) = bytes.split_at(cut);
            assert!(read_all(TYPE, &[a, b]).await.is_err(), "{cut} {body:?}");
        }
    }
    for content_type in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
    ] {
        let refused = read_all(content_type, &[BODY.as_bytes()]).await;
        assert!(refused.is_err(), "{content_type}");
    }
    read_all(TYPE, &[BODY.as_bytes()]).await.unwrap();
}

#[tokio::test]
async fn many_parts_are_the_most_a_form_has() {
    let form = |count: usize| {
        let part = |number| {
            format!("--b\r\nContent-Disposition: form-data; name=\"a{number}\"\r\n\r\n\r\n")
        };
        let parts: String = (0..count).map(part).collect();
        parts + "--b--\r\n"
    };
    read_all(TYPE, &[form(128).as_bytes()]).await.unwrap();
    assert!(read_all(TYPE, &[form(129).as_bytes()]).await.is_err());
}

#[tokio::test]
async fn a_field_has_a_greatest_length() {
    let form = |length: usize| {
        let value = "x".repeat(length);
        format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{value}\r\n--b--\r\n")
    };
    read_all(TYPE, &[form(1 << 20).as_bytes()]).await.unwrap();
    let long = form((1 << 20) + 1);
    for cut in [0, 1, 100, long.len() / 2, long.len() - 20] {
        let (a, b) = long.as_bytes().split_at(cut);
        assert!(read_all(TYPE, &[a, b]).await.is_err(), "{cut}");
    }
}

#[tokio::test]
async fn what_was_sent_is_kept_while_it_may_be_needed() {
    let bytes = BODY.as_bytes();
    let (a, b) = bytes.split_at(bytes.len() - 20);
    let mut body = client_body(&[a, b], true);
    let mut upload = UploadForm::begin(&headers(TYPE), &mut body).await.unwrap();
    let sent_with = |upload: &mut UploadForm<'_>, model: &str, keep: bool| {
        let _ = upload.live(model, keep);
        let mut sent = Vec::new();
        while let Some(bytes) = upload.next(model) {
            sent.extend_from_slice(&bytes);
            upload.sent(bytes.len());
        }
        String::from_utf8(sent).unwrap()
    };
    let first = sent_with(&mut upload, "one", true);
    assert!(first.contains("\r\n\r\none\r\n--b"), "{first}");
    let second = sent_with(&mut upload, "second", false);
    assert_eq!(second, first.replace("one", "second"));
    upload.read(None).await.unwrap();
    // Nothing was kept: what follows goes on from there.
    let rest = sent_with(&mut upload, "second", false);
    let expected = forwarded(BODY).replace("whisper-1", "second");
    assert_eq!(second + &rest, expected);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_given_up() {
    let silent =
        stream::iter([Ok(Bytes::from(BODY.replace("--b--", "")))]).chain(stream::pending());
    let mut body = ClientBody::new(silent, None, 1_000_000);
    let mut upload = UploadForm::begin(&headers(TYPE), &mut body).await.unwrap();
    let error = upload.read(None).await.unwrap_err();
    assert!(matches!(error, GatewayError::BodyStalled), "{error}");
    body.drain().await;
}
