//! What callers may declare and what models are told.

use std::collections::HashSet;

use otari_tools::definitions::{GatewayTool, ToolEntry, place_purpose, purpose_block};
use otari_translate::{Block, CacheMark, Call, Part, Surface};
use serde_json::json;

#[test]
fn types_are_claimed_only_when_they_are_ours() {
    use GatewayTool::{CodeExecution, WebFetch, WebSearch};
    for (kind, plain, intercepted) in [
        ("otari_web_search", Some(WebSearch), Some(WebSearch)),
        ("otari_web_fetch", Some(WebFetch), Some(WebFetch)),
        (
            "otari_code_execution",
            Some(CodeExecution),
            Some(CodeExecution),
        ),
        ("web_search", None, Some(WebSearch)),
        ("web_search_20250305", None, Some(WebSearch)),
        ("web_search_preview", None, Some(WebSearch)),
        ("web_searches", None, None),
        ("web_fetch_20250910", None, None),
        ("code_interpreter", None, None),
        ("code_execution_20250825", None, None),
        ("function", None, None),
        ("otari_unknown", None, None),
    ] {
        assert_eq!(GatewayTool::claimed_by(kind, false), plain, "{kind}");
        assert_eq!(GatewayTool::claimed_by(kind, true), intercepted, "{kind}");
    }
    for tool in GatewayTool::ALL {
        for intercept in [false, true] {
            for kind in tool.accepted_types(intercept) {
                assert_eq!(
                    GatewayTool::claimed_by(kind, intercept),
                    Some(tool),
                    "{kind}"
                );
            }
        }
        let example = tool.example();
        let kind = example["type"].as_str().expect("a type");
        assert_eq!(GatewayTool::claimed_by(kind, false), Some(tool));
    }
}

#[test]
fn a_function_asks_for_exactly_what_it_declares() {
    for (tool, member) in [
        (GatewayTool::CodeExecution, "code"),
        (GatewayTool::WebSearch, "query"),
        (GatewayTool::WebFetch, "url"),
    ] {
        let function = tool.function(&HashSet::new());
        assert_eq!(function.name, tool.name());
        assert!(
            function
                .description
                .is_some_and(|text| !text.contains("  "))
        );
        let schema = function.schema.expect("a schema").value();
        assert_eq!(schema["required"], json!([member]));
        assert_eq!(schema["properties"][member]["type"], "string");
        let taken = HashSet::from([tool.name().to_owned()]);
        assert_eq!(tool.function(&taken).name, tool.kind());
    }
}

#[test]
fn an_entry_configures_a_search() {
    let entry = json!({"type": "otari_web_search", "max_results": 7, "allowed_domains": ["a.example"], "blocked_domains": [],
        "provider_options": {"time_range": "week"}, "max_uses": 3, "user_location": {"type": "approximate"}});
    let query = ToolEntry::read(&entry)
        .expect("an entry")
        .query("x", Some(3));
    assert_eq!((query.text.as_str(), query.max_results), ("x", 7));
    assert!(
        query.domains.permits("https://a.example/") && !query.domains.permits("https://b.example/")
    );
    assert_eq!(query.options["time_range"], "week");
    let bare =
        ToolEntry::read(&json!({"type": "web_search", "allowed_domains": null})).expect("an entry");
    assert_eq!(bare.query("x", Some(3)).max_results, 3);
    assert_eq!(bare.query("x", None).max_results, 5);
}

#[test]
fn an_entry_that_says_something_else_is_refused() {
    for entry in [
        json!({"max_results": "many"}),
        json!({"max_results": -1}),
        json!({"allowed_domains": "a.example"}),
        json!({"purpose_hint": 1}),
        json!({"purpose_hint": "x".repeat(2049)}),
        json!({"blocked_domains": vec!["a.example"; 101]}),
        json!({"provider_options": []}),
        json!("otari_web_search"),
    ] {
        assert!(ToolEntry::read(&entry).is_err(), "{entry}");
    }
}

fn hints(hints: &[(&str, &str)]) -> Vec<(String, String)> {
    let hints = hints.iter();
    hints
        .map(|(name, hint)| ((*name).to_owned(), (*hint).to_owned()))
        .collect()
}

#[test]
fn hints_are_one_line_each_under_a_header() {
    let two = hints(&[
        ("web_search", "for news\n"),
        ("silent", " "),
        ("notes", "for notes"),
    ]);
    assert_eq!(
        purpose_block(Some("Tools:"), &two).as_deref(),
        Some("Tools:\n- web_search: for news\n- notes: for notes")
    );
    let own = purpose_block(Some("  "), &two).expect("a block");
    assert!(own.starts_with("You can use these tools") && own.ends_with("- notes: for notes"));
    assert_eq!(
        purpose_block(Some("Tools:"), &hints(&[("silent", "")])),
        None
    );
    assert_eq!(purpose_block(None, &[]), None);
}

#[test]
fn hints_stand_behind_a_chats_instructions_and_ahead_of_others() {
    let system = |surface, before: &[&str]| {
        let mut call = Call::new(surface, "m".to_owned());
        call.system = before.iter().map(|text| Part::text(*text)).collect();
        if let Some(part) = call.system.first_mut() {
            part.cache = Some(CacheMark::default());
        }
        place_purpose(&mut call, "HINTS".to_owned());
        let texts = call.system.iter().map(|part| match &part.block {
            Block::Text(text) => (text.clone(), part.cache.is_some()),
            other => panic!("not a text: {other:?}"),
        });
        texts.collect::<Vec<_>>()
    };
    let expected = |parts: &[(&str, bool)]| {
        let parts = parts.iter();
        parts
            .map(|(text, cached)| ((*text).to_owned(), *cached))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        system(Surface::Chat, &["be kind"]),
        expected(&[("be kind", true), ("\n\nHINTS", false)])
    );
    for surface in [Surface::Messages, Surface::Responses] {
        assert_eq!(
            system(surface, &["a", "b"]),
            expected(&[("HINTS\n\n", false), ("a", true), ("b", false)])
        );
    }
    for surface in [Surface::Chat, Surface::Messages, Surface::Responses] {
        assert_eq!(system(surface, &[]), expected(&[("HINTS", false)]));
    }
}
