//! From configuration to a reader of documents.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use otari_config::Config;
use otari_config::section::files::VisionStrategy as Configured;
use otari_gateway::{DocumentOptions, Takes, VisionStrategy, Worker};
use otari_sandbox::worker::{ReaderBounds, confine_reader};
use serde_json::Value;

use crate::sandbox::this_program;

const MIB: u64 = 1024 * 1024;

pub(crate) fn documents(config: &Config) -> DocumentOptions {
    let section = &config.files;
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let program = section.document_worker.as_ref().map(Into::into);
    DocumentOptions {
        worker: Worker {
            program: program.unwrap_or_else(this_program),
            memory_bytes: u64::from(section.document_memory_mb) * MIB,
            timeout: Duration::from_secs(u64::from(section.document_timeout_seconds)),
        },
        limits: otari_documents::Limits {
            input_bytes: whole(section.document_max_bytes),
            text_bytes: whole(section.document_max_text_bytes),
            pictures: whole(section.document_max_page_images),
            ..otari_documents::Limits::default()
        },
        at_once: whole(section.document_workers),
        fetch_urls: section.document_fetch_urls,
        allow_private_hosts: section.document_allow_private_hosts,
        ocr_url: section.vision_ocr_url.clone(),
        takes: takes(config),
    }
}

/// The process that reads one document: confines itself to `arguments`, bytes of memory and seconds of processor time,
/// and does its order. Call it before anything else in `main`.
pub fn document_worker(arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut numbers = arguments.map(|text| text.parse::<u64>().ok());
    let (Some(Some(memory_bytes)), Some(Some(cpu_seconds))) = (numbers.next(), numbers.next())
    else {
        return last_words("it wants bytes of memory and seconds");
    };
    let bounds = ReaderBounds {
        memory_bytes,
        cpu_seconds,
    };
    match confine_reader(bounds) {
        Ok(_) => otari_documents::worker::run(),
        Err(error) => last_words(&error),
    }
}

fn last_words(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "document worker: {text}");
    ExitCode::FAILURE
}

fn takes(config: &Config) -> HashMap<String, Takes> {
    let flag = |value: &Value, name: &str| value.get(name).and_then(Value::as_bool);
    let models = config.models.model_capabilities.iter();
    let takes = models.map(|(model, value)| {
        let takes = Takes {
            image: flag(value, "supports_image"),
            pdf: flag(value, "supports_pdf"),
        };
        (model.clone(), takes)
    });
    takes.collect()
}

pub(crate) fn vision_strategy(configured: Configured) -> VisionStrategy {
    match configured {
        Configured::Describe => VisionStrategy::Describe,
        Configured::Ocr => VisionStrategy::Ocr,
        Configured::Off => VisionStrategy::Off,
    }
}
