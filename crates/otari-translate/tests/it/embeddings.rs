//! Embeddings: requests of every wire, answers of every wire, OpenAI's shape back.

use otari_translate::dialect::Target;
use otari_translate::embeddings::{EmbedWire, Embedded, Encoding, decode, encode, parse, render};
use serde_json::{Value, json};

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        space_id: Some("space-1"),
        ..Target::default()
    }
}

fn bodies(wire: EmbedWire, model: &str, request: &Value) -> Vec<Value> {
    let request = parse(request.to_string().as_bytes()).unwrap();
    let calls = encode(wire, &request, &target(model)).unwrap();
    let read = |body: &Vec<u8>| serde_json::from_slice(body).unwrap();
    calls.iter().map(read).collect()
}

fn refused(wire: EmbedWire, model: &str, request: &Value) -> String {
    let request = parse(request.to_string().as_bytes()).unwrap();
    let error = encode(wire, &request, &target(model)).unwrap_err();
    error.member().to_owned()
}

#[test]
fn every_wire_gets_its_own_body() {
    let request =
        json!({"model": "m", "input": ["tide", "moon"], "input_type": "query", "user": "u"});
    let one = |wire, model| {
        let mut calls = bodies(wire, model, &request);
        assert_eq!(calls.len(), 1);
        calls.remove(0)
    };
    assert_eq!(
        one(EmbedWire::OpenAi, "text-embedding-3-small"),
        json!({"model": "text-embedding-3-small", "input": ["tide", "moon"], "user": "u"})
    );
    assert_eq!(
        one(EmbedWire::Gemini, "gemini-embedding-001"),
        json!({"requests": [
                {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "tide"}]}, "taskType": "RETRIEVAL_QUERY"},
                {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "moon"}]}, "taskType": "RETRIEVAL_QUERY"}]})
    );
    assert_eq!(
        one(EmbedWire::Vertex, "text-embedding-005"),
        json!({"instances": [{"content": "tide", "task_type": "RETRIEVAL_QUERY"},
                {"content": "moon", "task_type": "RETRIEVAL_QUERY"}]})
    );
    assert_eq!(
        one(EmbedWire::Bedrock, "cohere.embed-english-v3"),
        json!({"texts": ["tide", "moon"], "input_type": "search_query", "embedding_types": ["float"]})
    );
    assert_eq!(
        one(EmbedWire::Cohere, "embed-v4.0"),
        json!({"model": "embed-v4.0", "texts": ["tide", "moon"], "input_type": "search_query", "embedding_types": ["float"]})
    );
    assert_eq!(
        one(EmbedWire::Ollama, "nomic-embed-text"),
        json!({"model": "nomic-embed-text", "input": ["tide", "moon"]})
    );
    assert_eq!(
        one(EmbedWire::Voyage, "voyage-3.5"),
        json!({"model": "voyage-3.5", "input": ["tide", "moon"], "input_type": "query"})
    );
    assert_eq!(
        one(EmbedWire::Watsonx, "ibm/slate-125m"),
        json!({"model_id": "ibm/slate-125m", "space_id": "space-1", "inputs": ["tide", "moon"]})
    );
    assert_eq!(
        one(EmbedWire::FeatureExtraction, "org/minilm"),
        json!({"inputs": ["tide", "moon"]})
    );
    assert_eq!(
        one(EmbedWire::Mistral, "codestral-embed"),
        json!({"model": "codestral-embed", "input": ["tide", "moon"]})
    );
}

#[test]
fn a_request_becomes_as_many_calls_as_the_provider_needs() {
    let request = json!({"model": "m", "input": ["tide", "moon"], "dimensions": 256});
    let calls = bodies(EmbedWire::Bedrock, "amazon.titan-embed-text-v2:0", &request);
    assert_eq!(
        calls,
        [
            json!({"inputText": "tide", "dimensions": 256}),
            json!({"inputText": "moon", "dimensions": 256})
        ]
    );
    let many: Vec<String> = (0..100).map(|at| format!("text {at}")).collect();
    let calls = bodies(
        EmbedWire::Cohere,
        "embed-v4.0",
        &json!({"model": "m", "input": many}),
    );
    let sizes = calls
        .iter()
        .map(|body| body["texts"].as_array().unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [96, 4]);
    assert_eq!(calls[1]["texts"][0], "text 96");
}

#[test]
fn what_a_provider_has_no_place_for_is_refused_by_name() {
    let tokens = json!({"model": "m", "input": [[1, 2], [3]]});
    for wire in [
        EmbedWire::Gemini,
        EmbedWire::Vertex,
        EmbedWire::Cohere,
        EmbedWire::Ollama,
        EmbedWire::Voyage,
        EmbedWire::Watsonx,
        EmbedWire::FeatureExtraction,
        EmbedWire::Mistral,
    ] {
        assert_eq!(refused(wire, "m", &tokens), "input");
    }
    assert_eq!(
        bodies(EmbedWire::OpenAi, "m", &tokens)[0]["input"],
        json!([[1, 2], [3]])
    );
    let smaller = json!({"model": "m", "input": "x", "dimensions": 8});
    assert_eq!(refused(EmbedWire::Watsonx, "m", &smaller), "dimensions");
    assert_eq!(
        refused(EmbedWire::Bedrock, "amazon.titan-embed-text-v1", &smaller),
        "dimensions"
    );
    assert_eq!(
        refused(EmbedWire::Bedrock, "meta.llama3", &smaller),
        "model"
    );
    let unknown = json!({"model": "m", "input": "x", "late_chunking": true});
    assert_eq!(refused(EmbedWire::Cohere, "m", &unknown), "late_chunking");
    for (body, member) in [
        (json!({"model": "m"}), "input"),
        (json!({"model": "m", "input": []}), "input"),
        (json!({"model": "m", "input": [{}]}), "input.0"),
        (json!({"model": "m", "input": ["a", 1]}), "input.1"),
        (json!({"input": "x"}), "model"),
        (
            json!({"model": "m", "input": "x", "encoding_format": "hex"}),
            "encoding_format",
        ),
        (
            json!({"model": "m", "input": "x", "input_type": "poem"}),
            "input_type",
        ),
    ] {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.member(), member, "{body}");
    }
}

#[test]
fn every_answer_is_read() {
    let vectors = vec![vec![0.5, -0.25], vec![1.0, 2.0]];
    for (wire, body, tokens) in [
        (
            EmbedWire::OpenAi,
            json!({"data": [{"index": 1, "embedding": [1, 2]}, {"index": 0, "embedding": "AAAAPwAAgL4="}],
                "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
            Some(7),
        ),
        (
            EmbedWire::Voyage,
            json!({"data": [{"index": 0, "embedding": [0.5, -0.25]}, {"index": 1, "embedding": [1, 2]}],
                "usage": {"total_tokens": 9}}),
            Some(9),
        ),
        (
            EmbedWire::Gemini,
            json!({"embeddings": [{"values": [0.5, -0.25]}, {"values": [1, 2]}]}),
            None,
        ),
        (
            EmbedWire::Vertex,
            json!({"predictions": [
                {"embeddings": {"values": [0.5, -0.25], "statistics": {"token_count": 3.0, "truncated": false}}},
                {"embeddings": {"values": [1, 2], "statistics": {"token_count": 4}}}]}),
            Some(7),
        ),
        (
            EmbedWire::Bedrock,
            json!({"embeddings": [[0.5, -0.25], [1, 2]], "id": "x", "response_type": "embeddings_floats"}),
            None,
        ),
        (
            EmbedWire::Bedrock,
            json!({"embeddings": {"float": [[0.5, -0.25], [1, 2]]}}),
            None,
        ),
        (
            EmbedWire::Cohere,
            json!({"id": "x", "embeddings": {"float": [[0.5, -0.25], [1, 2]]},
                "meta": {"billed_units": {"input_tokens": 5.0}}}),
            Some(5),
        ),
        (
            EmbedWire::Ollama,
            json!({"embeddings": [[0.5, -0.25], [1, 2]], "prompt_eval_count": 6}),
            Some(6),
        ),
        (
            EmbedWire::Watsonx,
            json!({"results": [{"embedding": [0.5, -0.25]}, {"embedding": [1, 2]}], "input_token_count": 8}),
            Some(8),
        ),
        (
            EmbedWire::FeatureExtraction,
            json!([[0.5, -0.25], [1, 2]]),
            None,
        ),
        (
            EmbedWire::FeatureExtraction,
            json!({"embeddings": [[0.5, -0.25], [1, 2]]}),
            None,
        ),
        // A vector a token.
        (
            EmbedWire::FeatureExtraction,
            json!([[[0, 0], [1, -0.5]], [[1, 2]]]),
            None,
        ),
    ] {
        let read = decode(wire, body.to_string().as_bytes()).unwrap();
        let expected = Embedded {
            vectors: vectors.clone(),
            input_tokens: tokens,
        };
        assert_eq!(read, expected, "{wire:?}");
        assert!(
            decode(wire, b"{}").is_err(),
            "{wire:?} read nothing as an answer"
        );
    }
}

#[test]
fn titan_calls_add_up() {
    let mut all = Embedded::default();
    for number in [0.5, 1.5] {
        let body = json!({"embedding": [number], "inputTextTokenCount": 3});
        all.append(decode(EmbedWire::Bedrock, body.to_string().as_bytes()).unwrap());
    }
    assert_eq!(all.vectors, [[0.5], [1.5]]);
    assert_eq!(all.input_tokens, Some(6));
}

#[test]
fn answers_are_openai_s_in_either_encoding() {
    let embedded = Embedded {
        vectors: vec![vec![0.1, -0.000_000_1], vec![3.0, 0.25]],
        input_tokens: Some(4),
    };
    let floats = render(Encoding::Float, "mine", &embedded);
    let value: Value = serde_json::from_slice(&floats).unwrap();
    assert_eq!(value["data"][0]["embedding"], json!([0.1, -0.000_000_1]));
    assert_eq!(value["data"][1]["index"], 1);
    assert_eq!(value["model"], "mine");
    assert_eq!(
        value["usage"],
        json!({"prompt_tokens": 4, "total_tokens": 4})
    );
    // What is rendered reads back as the same numbers.
    for encoding in [Encoding::Float, Encoding::Base64] {
        let body = render(encoding, "mine", &embedded);
        assert_eq!(decode(EmbedWire::OpenAi, &body).unwrap(), embedded);
    }
}

#[test]
fn signed_bytes_become_numbers_and_no_other_encoding_is_asked_for() {
    let request =
        json!({"model": "m", "input": ["tide"], "encoding_format": "base64", "dimensions": 4});
    assert_eq!(
        bodies(EmbedWire::OpenAiInt8, "pplx-embed", &request)[0],
        json!({"model": "pplx-embed", "input": ["tide"], "dimensions": 4})
    );
    // 1, -2, 127, -128
    let answer =
        json!({"data": [{"index": 0, "embedding": "Af5/gA=="}], "usage": {"prompt_tokens": 3}});
    let read = decode(EmbedWire::OpenAiInt8, answer.to_string().as_bytes()).unwrap();
    let expected = Embedded {
        vectors: vec![vec![1.0, -2.0, 127.0, -128.0]],
        input_tokens: Some(3),
    };
    assert_eq!(read, expected);
}
