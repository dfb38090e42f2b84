//! Gemini's models that only transcribe.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::{DecodeError, TranslateError};
use crate::json::{Json, Object};

use super::times::{in_order, joined, segments};
use super::{Heard, Request, Said, unsupported};

/// They take no instructions, only sound: names and words to expect are a list.
pub(super) fn encode(request: &Request<'_>, mime: &str) -> Result<Object, TranslateError> {
    if request.prompt.is_some() && request.times {
        // The provider refuses both together.
        return Err(TranslateError::Invalid {
            loc: "prompt".to_owned(),
            problem: "this model takes no words to expect where times are asked for".to_owned(),
        });
    }
    let mut how = Object::new();
    if let Some(language) = request.language {
        how.set("languageCodes", vec![Json::from(language)]);
    }
    if let Some(prompt) = request.prompt {
        let words = prompt.split([',', ';', '\n']).map(str::trim);
        let words = words.filter(|word| !word.is_empty());
        how.set("customVocabulary", words.map(Json::from).collect::<Json>());
    }
    if request.times {
        how.set("wordTimestamp", true);
    }
    let data = Object::new()
        .with("mimeType", mime)
        .with("data", STANDARD.encode(request.sound));
    let part = Object::new().with("inlineData", data);
    let content = Object::new()
        .with("role", "user")
        .with("parts", vec![Json::Object(part)]);
    let config = Object::new()
        .with_some("temperature", request.temperature)
        .with("audioTranscriptionConfig", how);
    if request.translate {
        return Err(unsupported("translation"));
    }
    Ok(Object::new()
        .with("contents", vec![Json::Object(content)])
        .with("generationConfig", config))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Content,
    finish_reason: Option<String>,
    speech_result: Option<Speech>,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    audio_transcription: Option<Transcription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Speech {
    language_code: Option<String>,
}

/// The turn of one speaker.
#[derive(Deserialize)]
struct Transcription {
    text: Option<String>,
    #[serde(default)]
    words: Vec<Word>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Word {
    word: String,
    start_offset: String,
    end_offset: String,
}

pub(super) fn decode(body: &[u8]) -> Result<Heard, DecodeError> {
    let malformed = |what| DecodeError::Malformed { what };
    let answer: Answer = serde_json::from_slice(body).map_err(|_| malformed("transcript"))?;
    let blocked = answer.prompt_feedback.and_then(|told| told.block_reason);
    let candidate = answer.candidates.into_iter().next();
    let finish = candidate
        .as_ref()
        .and_then(|one| one.finish_reason.as_deref());
    let failed = |code: &str, message: &str| DecodeError::Upstream {
        code: code.to_owned(),
        status: None,
        message: message.to_owned(),
    };
    match (blocked, finish) {
        (None, Some("STOP")) => {}
        (None, Some("MAX_TOKENS")) => return Err(failed("length", "the transcript is too long")),
        (None, None) => return Err(DecodeError::Truncated),
        _ => return Err(failed("content_filter", "the transcript was kept back")),
    }
    let Some(candidate) = candidate else {
        return Err(DecodeError::Truncated);
    };
    let (mut turns, mut words) = (Vec::new(), Vec::new());
    for part in candidate.content.parts {
        let mut said = part.text;
        if let Some(transcription) = part.audio_transcription {
            let turn = transcription.words.iter().map(word);
            let turn: Option<Vec<Said>> = turn.collect();
            let turn = turn.ok_or_else(|| malformed("times of a transcript"))?;
            said = said.or(transcription.text).or(Some(joined(&turn)));
            words.extend(turn);
        }
        let text = said.unwrap_or_default().trim().to_owned();
        let at = 0.0;
        turns.push(Said {
            text,
            start: at,
            end: at,
        });
    }
    if !in_order(&words) {
        return Err(malformed("times of a transcript"));
    }
    Ok(Heard {
        text: joined(&turns),
        language: candidate
            .speech_result
            .and_then(|speech| speech.language_code),
        segments: segments(&words),
        words,
    })
}

/// Offsets are seconds: `1.100s`.
fn word(word: &Word) -> Option<Said> {
    let seconds = |offset: &str| {
        let number = offset.strip_suffix('s')?.parse::<f64>().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    };
    Some(Said {
        text: word.word.clone(),
        start: seconds(&word.start_offset)?,
        end: seconds(&word.end_offset)?,
    })
}
