//! What becomes of pictures that are shown.

use png::ColorType;
use serde_json::{Value, json};

use super::super::mask::tests::{row, shown};
use super::super::{ImageWire, Kind, Picture, Request, Service, parse_form};
use super::encode;

/// A request with one picture, and a mask whose second pixel of two is to change.
fn change(asked: Value) -> Request {
    let Value::Object(members) = asked else {
        panic!("an object")
    };
    let mut request = parse_form(Kind::Change, &members).unwrap();
    request.prompt = "add a hat".to_owned();
    request.pictures.push(picture("AA=="));
    request
}

fn masked(asked: Value) -> Request {
    let mut request = change(asked);
    request.mask = Some(row(ColorType::Rgba, &[0, 0, 0, 255, 0, 0, 0, 0]));
    request
}

fn picture(data: &str) -> Picture {
    Picture {
        mime: "image/png".to_owned(),
        data: data.to_owned(),
    }
}

fn bodies(wire: ImageWire, request: &Request, model: &str) -> Result<Vec<Value>, String> {
    let bodies = encode(wire, request, model).map_err(|error| error.to_string())?;
    let read = |body: Vec<u8>| serde_json::from_slice(&body).unwrap();
    Ok(bodies.into_iter().map(read).collect())
}

/// Takes the mask out of the body.
fn mask(body: &mut Value, pointer: &str) -> Vec<u8> {
    let mask = body.pointer_mut(pointer).unwrap().take();
    shown(
        mask.as_str()
            .unwrap()
            .trim_start_matches("data:image/png;base64,"),
    )
}

const SECOND_WHITE: [u8; 6] = [0, 0, 0, 255, 255, 255];
const SECOND_BLACK: [u8; 6] = [255, 255, 255, 0, 0, 0];

#[test]
fn amazon_changes_what_is_black_inside_and_white_outside() {
    let request = masked(json!({"n": 2, "negative_prompt": "cap", "cfgScale": "7.5", "seed": "4"}));
    let body = &mut bodies(ImageWire::Canvas, &request, "m").unwrap()[0];
    assert_eq!(mask(body, "/inPaintingParams/maskImage"), SECOND_BLACK);
    assert_eq!(
        *body,
        json!({
            "taskType": "INPAINTING",
            "inPaintingParams": {"text": "add a hat", "negativeText": "cap", "image": "AA==", "maskImage": null},
            "imageGenerationConfig": {"numberOfImages": 2, "cfgScale": 7.5, "seed": 4},
        })
    );
    let request = masked(json!({"outPaintingMode": "PRECISE"}));
    let body = &mut bodies(ImageWire::Canvas, &request, "m").unwrap()[0];
    assert_eq!(mask(body, "/outPaintingParams/maskImage"), SECOND_WHITE);
    assert_eq!(body["taskType"], "OUTPAINTING");
    assert_eq!(body["outPaintingParams"]["outPaintingMode"], "PRECISE");
    let request = change(json!({"maskPrompt": "the head"}));
    let body = &bodies(ImageWire::Canvas, &request, "m").unwrap()[0];
    assert_eq!(
        body["inPaintingParams"],
        json!({"text": "add a hat", "image": "AA==", "maskPrompt": "the head"})
    );
}

#[test]
fn imagen_is_shown_the_picture_and_the_mask() {
    let asked =
        json!({"n": 5, "seed": "1", "baseSteps": "40", "dilation": "0.02", "output_format": "png"});
    let mut bodies = bodies(ImageWire::ImagenEdit, &masked(asked), "m").unwrap();
    assert_eq!(bodies[1]["parameters"]["sampleCount"], 1);
    let body = &mut bodies[0];
    let at = "/instances/0/referenceImages/1/referenceImage/bytesBase64Encoded";
    assert_eq!(mask(body, at), SECOND_WHITE);
    assert_eq!(
        *body,
        json!({
            "instances": [{
                "prompt": "add a hat",
                "referenceImages": [
                    {
                        "referenceType": "REFERENCE_TYPE_RAW", "referenceId": 1,
                        "referenceImage": {"bytesBase64Encoded": "AA=="},
                    },
                    {
                        "referenceType": "REFERENCE_TYPE_MASK", "referenceId": 2,
                        "referenceImage": {"bytesBase64Encoded": null},
                        "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0.02},
                    },
                ],
            }],
            "parameters": {
                "sampleCount": 4, "editMode": "EDIT_MODE_INPAINT_INSERTION", "seed": 1,
                "outputOptions": {"mimeType": "image/png"}, "editConfig": {"baseSteps": 40},
            },
        })
    );
    let asked = json!({"maskMode": "MASK_MODE_BACKGROUND", "editMode": "EDIT_MODE_BGSWAP"});
    let body = &super::tests::one(ImageWire::ImagenEdit, &change(asked), "m");
    assert_eq!(
        body["instances"][0]["referenceImages"][1],
        json!({
            "referenceType": "REFERENCE_TYPE_MASK", "referenceId": 2,
            "maskImageConfig": {"maskMode": "MASK_MODE_BACKGROUND"},
        })
    );
    assert_eq!(body["parameters"]["editMode"], "EDIT_MODE_BGSWAP");
}

#[test]
fn stability_has_a_model_for_each_change() {
    let service = ImageWire::StabilityService;
    let request = masked(json!({"grow_mask": "3", "seed": "9", "n": 2, "output_format": "webp"}));
    let mut made = bodies(service(Service::Inpaint), &request, "m").unwrap();
    assert_eq!((made.len(), &made[1]["seed"]), (2, &json!(10)));
    assert_eq!(mask(&mut made[0], "/mask"), SECOND_WHITE);
    assert_eq!(
        made[0],
        json!({
            "image": "AA==", "prompt": "add a hat", "mask": null, "output_format": "webp", "grow_mask": 3, "seed": 9,
        })
    );
    let one = |what, request: &Request| super::tests::one(service(what), request, "m");
    assert_eq!(
        one(Service::RemoveBackground, &change(json!({}))),
        json!({"image": "AA=="})
    );
    let asked = json!({"search_prompt": "cap"});
    assert_eq!(
        one(Service::SearchReplace, &change(asked)),
        json!({"image": "AA==", "prompt": "add a hat", "search_prompt": "cap"})
    );
    let mut two = change(json!({"style_strength": "1"}));
    two.pictures.push(picture("BB=="));
    assert_eq!(
        one(Service::StyleTransfer, &two),
        json!({"init_image": "AA==", "style_image": "BB==", "prompt": "add a hat", "style_strength": 1})
    );
    let from = change(json!({"strength": "0.6"}));
    assert_eq!(
        super::tests::one(ImageWire::Stability, &from, "stability.sd3-5-large-v1:0"),
        json!({"prompt": "add a hat", "mode": "image-to-image", "image": "AA==", "strength": 0.6})
    );
}

#[test]
fn dashscopes_tasks_draw_change_and_paint() {
    let Value::Object(asked) =
        json!({"prompt": "a cat", "n": 6, "size": "1024x1024", "seed": 1, "watermark": false})
    else {
        panic!("an object")
    };
    let request = super::super::parse(&asked).unwrap();
    let made = bodies(ImageWire::DashScopeTask, &request, "wan2.2-t2i-flash").unwrap();
    let body = |n: i64, seed: i64| {
        json!({
            "model": "wan2.2-t2i-flash", "input": {"prompt": "a cat"},
            "parameters": {"n": n, "size": "1024*1024", "watermark": false, "seed": seed},
        })
    };
    assert_eq!(made, [body(4, 1), body(2, 5)]);
    let one =
        |request: &Request, model| super::tests::one(ImageWire::DashScopeTask, request, model);
    let link = "data:image/png;base64,AA==";
    assert_eq!(
        one(&change(json!({})), "wan2.5-i2i-preview"),
        json!({
            "model": "wan2.5-i2i-preview", "input": {"prompt": "add a hat", "images": [link]}, "parameters": {"n": 1},
        })
    );
    let mut body = one(&masked(json!({"strength": "0.5"})), "wanx2.1-imageedit");
    assert_eq!(mask(&mut body, "/input/mask_image_url"), SECOND_WHITE);
    assert_eq!(
        body,
        json!({
            "model": "wanx2.1-imageedit",
            "input": {
                "prompt": "add a hat", "function": "description_edit_with_mask", "base_image_url": link,
                "mask_image_url": null,
            },
            "parameters": {"n": 1, "strength": 0.5},
        })
    );
    let body = one(
        &change(json!({"function": "colorization"})),
        "wanx2.1-imageedit",
    );
    assert_eq!(body["input"]["function"], "colorization");
    assert_eq!(body["parameters"], json!({"n": 1}));
}

#[test]
fn xai_is_asked_in_json() {
    let mut request = change(json!({"n": 2, "size": "1536x1024", "resolution": "2k"}));
    let seen = json!({"type": "image_url", "url": "data:image/png;base64,AA=="});
    assert_eq!(
        super::tests::one(ImageWire::Xai, &request, "m"),
        json!({
            "model": "m", "prompt": "add a hat", "n": 2, "response_format": "b64_json", "aspect_ratio": "3:2",
            "image": seen, "resolution": "2k",
        })
    );
    request.pictures.push(picture("BB=="));
    request.wants_url = true;
    let body = super::tests::one(ImageWire::Xai, &request, "m");
    assert_eq!(body["images"][0], seen);
    assert_eq!(
        (&body["response_format"], body.get("image")),
        (&json!("url"), None)
    );
}

/// Each says what is wrong with the request.
fn refused(cases: Vec<(ImageWire, Request, &str, &str)>) {
    for (wire, request, model, says) in cases {
        let refused = bodies(wire, &request, model).unwrap_err();
        assert!(refused.contains(says), "{wire:?}: {refused}");
    }
}

/// A request with two pictures and a mask.
fn two() -> Request {
    let mut two = masked(json!({}));
    two.pictures.push(picture("BB=="));
    two
}

fn none() -> Request {
    let mut none = change(json!({}));
    none.pictures.clear();
    none
}

#[test]
fn what_a_model_cannot_change_is_refused_by_name() {
    let mut nothing_to_change = masked(json!({}));
    nothing_to_change.mask = Some(row(ColorType::Rgb, &[0; 3]));
    let sized = masked(json!({"size": "1024x1024"}));
    let seeded = change(json!({"seed": "1"}));
    refused(vec![
        (ImageWire::Gemini, masked(json!({})), "m", "mask"),
        (ImageWire::DashScope, masked(json!({})), "m", "mask"),
        (ImageWire::Xai, masked(json!({})), "m", "mask"),
        (ImageWire::Xai, seeded, "m", "seed"),
        (ImageWire::Canvas, change(json!({})), "m", "maskPrompt"),
        (ImageWire::Canvas, two(), "m", "exactly 1"),
        (ImageWire::Canvas, nothing_to_change, "m", "transparent"),
        (ImageWire::ImagenEdit, change(json!({})), "m", "maskMode"),
        (ImageWire::ImagenEdit, two(), "m", "exactly 1"),
        (ImageWire::ImagenEdit, sized, "m", "size"),
        (
            ImageWire::DashScopeTask,
            change(json!({})),
            "wan2.2-t2i-flash",
            "image",
        ),
        (
            ImageWire::DashScopeTask,
            none(),
            "wan2.5-i2i-preview",
            "images/edits",
        ),
        (
            ImageWire::DashScopeTask,
            masked(json!({})),
            "wan2.5-i2i-preview",
            "mask",
        ),
        (
            ImageWire::DashScopeTask,
            two(),
            "wanx2.1-imageedit",
            "exactly 1",
        ),
    ]);
}

#[test]
fn what_stabilitys_models_want_is_named() {
    let service = ImageWire::StabilityService;
    let sized = change(json!({"size": "1024x1024"}));
    let seeded = change(json!({"seed": "1"}));
    let stability = ImageWire::Stability;
    let (large, core) = (
        "stability.sd3-5-large-v1:0",
        "stability.stable-image-core-v1:1",
    );
    refused(vec![
        (service(Service::Inpaint), change(json!({})), "m", "mask"),
        (service(Service::Inpaint), none(), "m", "images/edits"),
        (
            service(Service::SearchRecolor),
            change(json!({})),
            "m",
            "select_prompt",
        ),
        (
            service(Service::Outpaint),
            change(json!({})),
            "m",
            "left, or right",
        ),
        (
            service(Service::RemoveBackground),
            masked(json!({})),
            "m",
            "mask",
        ),
        (service(Service::UpscaleFast), seeded, "m", "seed"),
        (service(Service::Sketch), sized, "m", "size"),
        (
            service(Service::StyleTransfer),
            change(json!({})),
            "m",
            "exactly 2",
        ),
        (stability, change(json!({})), large, "strength"),
        (stability, change(json!({"strength": "1"})), core, "image"),
    ]);
}
