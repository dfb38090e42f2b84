use serde_json::{Value, json};

use super::super::{ImageWire, Kind, Picture, Request, parse};
use super::encode;

/// The only call a request becomes.
pub(super) fn one(wire: ImageWire, request: &Request, model: &str) -> Value {
    let bodies = encode(wire, request, model).unwrap();
    let [body] = bodies.as_slice() else {
        panic!("{} calls", bodies.len())
    };
    serde_json::from_slice(body).unwrap()
}

fn bodies(wire: ImageWire, asked: Value) -> Result<Vec<Value>, String> {
    let Value::Object(members) = asked else {
        panic!("an object")
    };
    let request = parse(&members).map_err(|error| error.to_string())?;
    let bodies = encode(wire, &request, "m").map_err(|error| error.to_string())?;
    let read = |body: Vec<u8>| serde_json::from_slice(&body).unwrap();
    Ok(bodies.into_iter().map(read).collect())
}

#[test]
fn each_format_says_it_in_its_own_words() {
    let asked = json!({"model": "x", "prompt": "a cat", "n": 2, "size": "1536x1024", "seed": 7, "stream": false,
        "quality": "auto", "background": "auto"});
    let gemini = |seed: i64| {
        json!({
            "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "3:2"}, "seed": seed},
        })
    };
    let core = |seed: i64| json!({"prompt": "a cat", "aspect_ratio": "3:2", "seed": seed});
    let qwen = |seed: i64| {
        json!({
            "model": "m", "input": {"messages": [{"role": "user", "content": [{"text": "a cat"}]}]},
            "parameters": {"n": 1, "size": "1536*1024", "seed": seed},
        })
    };
    for (wire, expected) in [
        (ImageWire::Gemini, vec![gemini(7), gemini(8)]),
        (
            ImageWire::Canvas,
            vec![json!({
                "taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"},
                "imageGenerationConfig": {"numberOfImages": 2, "width": 1536, "height": 1024, "seed": 7},
            })],
        ),
        (ImageWire::Stability, vec![core(7), core(8)]),
        (ImageWire::Fireworks, vec![core(7), core(8)]),
        (ImageWire::DashScope, vec![qwen(7), qwen(8)]),
        (
            ImageWire::MiniMax,
            vec![json!({
                "model": "m", "prompt": "a cat", "aspect_ratio": "3:2", "response_format": "base64", "n": 2, "seed": 7,
            })],
        ),
    ] {
        assert_eq!(bodies(wire, asked.clone()), Ok(expected), "{wire:?}");
    }
}

#[test]
fn imagen_makes_four_at_once() {
    let asked = json!({"prompt": "a cat", "n": 6, "size": "2048x2048", "negative_prompt": "dog", "output_format": "jpeg",
        "output_compression": 80, "personGeneration": "dont_allow"});
    let body = |count: i64| {
        json!({
            "instances": [{"prompt": "a cat"}],
            "parameters": {
                "sampleCount": count, "aspectRatio": "1:1", "sampleImageSize": "2K", "negativePrompt": "dog",
                "outputOptions": {"mimeType": "image/jpeg", "compressionQuality": 80}, "personGeneration": "dont_allow",
            },
        })
    };
    assert_eq!(bodies(ImageWire::Imagen, asked), Ok(vec![body(4), body(2)]));
}

#[test]
fn older_and_finer_pictures() {
    let asked =
        json!({"prompt": "a cat", "negative_prompt": "dog", "size": "512x512", "steps": 30});
    assert_eq!(
        bodies(ImageWire::StabilityXl, asked),
        Ok(vec![json!({
            "text_prompts": [{"text": "a cat", "weight": 1}, {"text": "dog", "weight": -1}],
            "width": 512, "height": 512, "steps": 30,
        })])
    );
    let asked = json!({"prompt": "a cat", "quality": "hd"});
    let bodies = bodies(ImageWire::Canvas, asked).unwrap();
    assert_eq!(bodies[0]["imageGenerationConfig"]["quality"], "premium");
}

#[test]
fn an_edit_shows_its_pictures_first() {
    let Value::Object(members) = json!({"prompt": "add a hat", "n": 1}) else {
        panic!("an object")
    };
    let mut request = parse(&members).unwrap();
    request.pictures.push(Picture {
        mime: "image/png".to_owned(),
        data: "AA==".to_owned(),
    });
    let body: Value =
        serde_json::from_slice(&encode(ImageWire::Gemini, &request, "m").unwrap()[0]).unwrap();
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"inlineData": {"mimeType": "image/png", "data": "AA=="}}, {"text": "add a hat"}])
    );
    assert!(encode(ImageWire::Imagen, &request, "m").is_err());
    let body: Value =
        serde_json::from_slice(&encode(ImageWire::DashScope, &request, "m").unwrap()[0]).unwrap();
    assert_eq!(
        body["input"]["messages"][0]["content"],
        json!([{"image": "data:image/png;base64,AA=="}, {"text": "add a hat"}])
    );
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    for (wire, name, value) in [
        (ImageWire::Gemini, "response_format", json!("url")),
        (ImageWire::DashScope, "response_format", json!("b64_json")),
        (ImageWire::DashScope, "size", json!("16:9")),
        (ImageWire::Gemini, "quality", json!("high")),
        (ImageWire::Canvas, "quality", json!("low")),
        (ImageWire::Gemini, "background", json!("transparent")),
        (ImageWire::Gemini, "output_format", json!("webp")),
        (ImageWire::Gemini, "style", json!("vivid")),
        (ImageWire::Gemini, "stream", json!(true)),
        (ImageWire::Imagen, "size", json!("1536x1024")),
        (ImageWire::Imagen, "size", json!("4096x4096")),
        (ImageWire::Canvas, "size", json!("3:2")),
        (ImageWire::Canvas, "n", json!(0)),
        (ImageWire::Canvas, "n", json!(11)),
        (ImageWire::MiniMax, "negative_prompt", json!("dog")),
        (ImageWire::Stability, "output_compression", json!(5)),
    ] {
        let mut asked = json!({"prompt": "a cat"});
        asked[name] = value;
        let refused = bodies(wire, asked).unwrap_err();
        assert!(refused.contains(name), "{wire:?} {name}: {refused}");
    }
}

#[test]
fn a_variation_needs_no_words() {
    let request = Request {
        kind: Kind::Vary,
        count: 2,
        pictures: vec![Picture {
            mime: "image/png".to_owned(),
            data: "AA==".to_owned(),
        }],
        ..Default::default()
    };
    let body: Value =
        serde_json::from_slice(&encode(ImageWire::Canvas, &request, "m").unwrap()[0]).unwrap();
    assert_eq!(
        body,
        json!({
            "taskType": "IMAGE_VARIATION", "imageVariationParams": {"images": ["AA=="]},
            "imageGenerationConfig": {"numberOfImages": 2},
        })
    );
}
