//! What the loop decides, and what the model is sent next.

use std::collections::HashSet;

use otari_tools::tool_loop::{
    ERROR_PREFIX, OwnedCall, Step, ToolCount, ToolLoop, ToolOutcome, iteration_limit,
};
use otari_translate::{
    Block, Call, Finish, FinishReason, FunctionTool, Origin, Part, Raw, Reasoning, Role, Signature,
    Surface, Tool, ToolCall, ToolChoice, ToolResult, Turn, Unknown, Wire,
};
use otari_types::{CacheConvention, TokenUsage};
use serde_json::json;

fn call() -> Call {
    let mut call = Call::new(Surface::Chat, "m".to_owned());
    call.turns
        .push(Turn::new(Role::User, vec![Part::text("hello")]));
    for name in ["theirs", "web_search", "code_execution"] {
        call.tools.push(Tool::Function(FunctionTool {
            name: name.to_owned(),
            ..FunctionTool::default()
        }));
    }
    call
}

fn tool_loop(call: &Call, limit: u32) -> ToolLoop {
    let owned = ["web_search", "code_execution"].map(str::to_owned);
    ToolLoop::new(call, HashSet::from(owned), limit)
}

fn asks(id: &str, name: &str, arguments: &str) -> Block {
    Block::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    })
}

fn wants_tools() -> Finish {
    FinishReason::ToolCalls.into()
}

fn outcome(id: &str, text: &str, is_error: bool) -> ToolOutcome {
    ToolOutcome {
        call_id: id.to_owned(),
        content: vec![Part::text(text)],
        is_error,
    }
}

fn owned(id: &str, name: &str, arguments: &serde_json::Value) -> OwnedCall {
    OwnedCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.as_object().expect("an object").clone(),
    }
}

fn results(call: &Call) -> Vec<ToolResult> {
    let last = call.turns.last().expect("a turn");
    assert_eq!(last.role, Role::User);
    last.parts
        .iter()
        .map(|part| match &part.block {
            Block::ToolResult(result) => result.clone(),
            other => panic!("not a result: {other:?}"),
        })
        .collect()
}

fn text(result: &ToolResult) -> &str {
    match result.content.first().map(|part| &part.block) {
        Some(Block::Text(text)) => text,
        other => panic!("not a text: {other:?}"),
    }
}

fn counts(tool_loop: &ToolLoop) -> Vec<(&str, u32, u32)> {
    let counts = tool_loop.tally().counts().iter();
    counts
        .map(
            |ToolCount {
                 tool,
                 billed,
                 errors,
             }| (tool.as_str(), *billed, *errors),
        )
        .collect()
}

#[test]
fn an_answer_without_calls_is_the_answer() {
    let call = call();
    let mut it = tool_loop(&call, 10);
    let step = it.turn(
        vec![Block::Text("hi".to_owned())],
        None,
        &FinishReason::Stop.into(),
    );
    assert_eq!(step, Step::Finished);
    assert_eq!((it.turns(), it.usage(), it.unreported()), (1, None, 1));
}

#[test]
fn owned_calls_are_run_and_everything_said_is_replayed_in_order() {
    let mut call = call();
    let before = call.turns.len();
    let mut it = tool_loop(&call, 10);
    let blocks = vec![
        Block::Reasoning(Reasoning {
            text: "hm".to_owned(),
            signature: Some(Signature::new(Origin::Anthropic, "sig")),
            redacted: false,
        }),
        Block::Text("let me see".to_owned()),
        asks("a", "web_search", "{\"query\": \"x\"}"),
        Block::Unknown(Unknown {
            wire: Wire::Anthropic,
            raw: Raw::parse("{\"type\":\"compaction\"}").expect("JSON"),
            loc: String::new(),
        }),
        asks("b", "code_execution", "{\"code\":\"1\"}"),
    ];
    let step = it.turn(blocks.clone(), None, &wants_tools());
    assert_eq!(
        step,
        Step::Run(vec![
            owned("a", "web_search", &json!({"query": "x"})),
            owned("b", "code_execution", &json!({"code": "1"})),
        ])
    );
    // Outcomes may come in any order.
    it.answered(
        &mut call,
        vec![outcome("b", "1", false), outcome("a", "found", false)],
    );
    assert_eq!(call.turns.len(), before + 2);
    let said = &call.turns[before];
    assert_eq!(said.role, Role::Assistant);
    let replayed: Vec<Block> = said.parts.iter().map(|part| part.block.clone()).collect();
    assert_eq!(replayed, blocks);
    let results = results(&call);
    let ids: Vec<&str> = results
        .iter()
        .map(|result| result.call_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!((text(&results[0]), text(&results[1])), ("found", "1"));
    assert_eq!(
        counts(&it),
        [("web_search", 1, 0), ("code_execution", 1, 0)]
    );
    assert_eq!(
        it.turn(vec![], None, &FinishReason::Stop.into()),
        Step::Finished
    );
    assert_eq!(it.turns(), 2);
}

#[test]
fn foreign_calls_alone_are_the_callers() {
    let call = call();
    let mut it = tool_loop(&call, 1);
    let step = it.turn(vec![asks("a", "theirs", "{}")], None, &wants_tools());
    assert_eq!(step, Step::Finished, "even on the last permitted turn");
    assert!(!it.hides("theirs") && it.hides("web_search"));
    assert_eq!(counts(&it), []);
}

#[test]
fn a_mixed_reply_runs_ours_and_ends_the_loop() {
    let call = call();
    // The last permitted turn: nothing has to be asked again.
    let mut it = tool_loop(&call, 1);
    let blocks = vec![
        asks("a", "web_search", "{}"),
        asks("b", "theirs", "{}"),
        asks("c", "code_execution", "["),
    ];
    let step = it.turn(blocks, None, &wants_tools());
    assert_eq!(
        step,
        Step::Mixed(vec![owned("a", "web_search", &json!({}))])
    );
    it.settled(&[outcome("a", "found", false)]);
    assert_eq!(
        counts(&it),
        [("web_search", 1, 0), ("code_execution", 0, 1)]
    );
}

#[test]
fn the_last_permitted_reply_must_not_ask_for_tools() {
    let mut call = call();
    let mut it = tool_loop(&call, 2);
    let again = || vec![asks("a", "web_search", "{}")];
    assert!(matches!(
        it.turn(again(), None, &wants_tools()),
        Step::Run(_)
    ));
    it.answered(&mut call, vec![outcome("a", "found", false)]);
    assert_eq!(
        it.turn(again(), None, &wants_tools()),
        Step::Limit { limit: 2 }
    );
    assert_eq!(counts(&it), [("web_search", 1, 0)], "work done is owed");
}

#[test]
fn limits_are_the_least_of_request_gateway_and_policy() {
    for (requested, policy, expected) in [
        (None, None, 10),
        (Some(3), None, 3),
        (Some(100), None, 25),
        (None, Some(4), 4),
        (Some(20), Some(4), 4),
        (Some(2), Some(4), 2),
        (Some(0), None, 1),
    ] {
        assert_eq!(iteration_limit(requested, policy), expected);
    }
}

#[test]
fn a_reply_that_was_cut_off_runs_nothing() {
    for reason in [
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::Pause,
        FinishReason::Stop,
    ] {
        let call = call();
        let mut it = tool_loop(&call, 10);
        let step = it.turn(
            vec![asks("a", "code_execution", "{\"code\":\"rm")],
            None,
            &reason.into(),
        );
        assert_eq!(step, Step::Finished, "{reason:?}");
    }
}

#[test]
fn calls_that_cannot_be_run_are_answered() {
    let mut call = call();
    let mut it = tool_loop(&call, 10);
    let blocks = vec![
        asks("a", "web_search", "{\"query\":"),
        asks("b", "web_search", "[1]"),
        asks("c", "invented", "{}"),
        asks("d", "web_search", ""),
        asks("e", "web_search", "null"),
        asks("f", "web_search", "\"{\\\"query\\\":\\\"x\\\"}\""),
    ];
    let Step::Run(run) = it.turn(blocks, None, &wants_tools()) else {
        panic!("nothing to run");
    };
    let expected = [
        owned("d", "web_search", &json!({})),
        owned("e", "web_search", &json!({})),
        owned("f", "web_search", &json!({"query": "x"})),
    ];
    assert_eq!(run, expected);
    it.answered(
        &mut call,
        vec![outcome("d", "fine", false), outcome("e", "no", true)],
    );
    let results = results(&call);
    let texts: Vec<(&str, bool)> = results
        .iter()
        .map(|result| (text(result), result.is_error))
        .collect();
    assert_eq!(
        texts,
        [
            ("[tool error] the arguments are not a JSON object", true),
            ("[tool error] the arguments are not a JSON object", true),
            ("[tool error] there is no tool named invented", true),
            ("fine", false),
            ("[tool error] no", true),
            ("[tool error] the tool gave no result", true),
        ]
    );
    assert_eq!(counts(&it), [("web_search", 1, 4), ("invented", 0, 1)]);
}

#[test]
fn a_failure_without_text_is_still_marked() {
    let mut call = call();
    let mut it = tool_loop(&call, 10);
    it.turn(vec![asks("a", "web_search", "{}")], None, &wants_tools());
    it.answered(
        &mut call,
        vec![ToolOutcome {
            call_id: "a".to_owned(),
            content: vec![],
            is_error: true,
        }],
    );
    assert_eq!(text(&results(&call)[0]), ERROR_PREFIX.trim_end());
}

/// A provider's own tools have names that only it knows.
#[test]
fn an_unknown_name_is_the_callers_where_it_declared_native_tools() {
    let mut call = call();
    call.tools.push(Tool::Native(Unknown {
        wire: Wire::Anthropic,
        raw: Raw::parse("{\"type\":\"bash_20250124\",\"name\":\"bash\"}").expect("JSON"),
        loc: "tools.3".to_owned(),
    }));
    let mut it = tool_loop(&call, 10);
    let step = it.turn(vec![asks("a", "bash", "{}")], None, &wants_tools());
    assert_eq!(step, Step::Finished);
}

#[test]
fn ids_that_are_empty_or_double_are_told_apart() {
    let mut call = call();
    let mut it = tool_loop(&call, 10);
    let blocks = vec![
        asks("", "web_search", "{\"query\":\"1\"}"),
        asks("x", "web_search", "{\"query\":\"2\"}"),
        asks("x", "web_search", "{\"query\":\"3\"}"),
    ];
    let Step::Run(run) = it.turn(blocks, None, &wants_tools()) else {
        panic!("nothing to run");
    };
    let ids: HashSet<&str> = run.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids.len(), 3);
    let outcomes = run
        .iter()
        .map(|call| outcome(&call.id, &call.arguments["query"].to_string(), false));
    it.answered(&mut call, outcomes.collect());
    let said = &call.turns[call.turns.len() - 2];
    for (part, (result, expected)) in said
        .parts
        .iter()
        .zip(results(&call).iter().zip(["\"1\"", "\"2\"", "\"3\""]))
    {
        let Block::ToolCall(asked) = &part.block else {
            panic!("not a call");
        };
        assert_eq!(asked.id, result.call_id);
        assert_eq!(text(result), expected);
    }
}

#[test]
fn a_flood_of_calls_is_answered_but_not_run() {
    let mut call = call();
    let mut it = tool_loop(&call, 10);
    let blocks = (0..100).map(|n| asks(&format!("c{n}"), "web_search", "{}"));
    let Step::Run(run) = it.turn(blocks.collect(), None, &wants_tools()) else {
        panic!("nothing to run");
    };
    assert_eq!(run.len(), 64);
    it.answered(&mut call, Vec::new());
    assert_eq!(results(&call).len(), 100);
}

#[test]
fn a_choice_is_forced_once() {
    let names = || vec!["web_search".to_owned()];
    for (first, then) in [
        (None, None),
        (Some(ToolChoice::Auto), Some(ToolChoice::Auto)),
        (Some(ToolChoice::Required), Some(ToolChoice::Auto)),
        (
            Some(ToolChoice::Named("web_search".to_owned())),
            Some(ToolChoice::Auto),
        ),
        (
            Some(ToolChoice::Allowed {
                required: true,
                names: names(),
            }),
            Some(ToolChoice::Allowed {
                required: false,
                names: names(),
            }),
        ),
    ] {
        let mut call = call();
        call.tool_choice = first;
        let mut it = tool_loop(&call, 10);
        it.turn(vec![asks("a", "web_search", "{}")], None, &wants_tools());
        it.answered(&mut call, vec![outcome("a", "found", false)]);
        assert_eq!(call.tool_choice, then);
    }
}

#[test]
fn usage_of_every_reply_is_summed_once() {
    let usage = |convention| TokenUsage {
        input: 10,
        output: 5,
        cache_read: 4,
        cache_write: 3,
        cache_write_1h: 2,
        reasoning: 1,
        convention,
    };
    let sum = |first, second| {
        let call = call();
        let mut it = tool_loop(&call, 10);
        for usage in [Some(first), None, Some(second)] {
            it.turn(vec![], usage, &FinishReason::Stop.into());
        }
        assert_eq!(it.unreported(), 1);
        it.usage().expect("usage")
    };
    let additive = usage(CacheConvention::Additive);
    let inclusive = usage(CacheConvention::Inclusive);
    let doubled = TokenUsage {
        input: 20,
        output: 10,
        cache_read: 8,
        cache_write: 6,
        cache_write_1h: 4,
        reasoning: 2,
        convention: CacheConvention::Additive,
    };
    assert_eq!(sum(additive, additive), doubled);
    let mixed = sum(additive, inclusive);
    assert_eq!(
        (mixed.input, mixed.convention),
        (27, CacheConvention::Inclusive)
    );
    assert_eq!(mixed.total(), additive.total() + inclusive.total());
}

#[test]
fn tallies_do_not_grow_with_what_servers_invent() {
    let mut call = call();
    let long = "n".repeat(100);
    let owned: HashSet<String> = (0..50)
        .map(|n| format!("tool{n}"))
        .chain([long.clone()])
        .collect();
    let mut it = ToolLoop::new(&call, owned, 25);
    let mut blocks = vec![asks("long", &long, "{}")];
    blocks.extend((0..50).map(|n| asks(&format!("c{n}"), &format!("tool{n}"), "{}")));
    let Step::Run(run) = it.turn(blocks, None, &wants_tools()) else {
        panic!("nothing to run");
    };
    it.answered(
        &mut call,
        run.iter()
            .map(|call| outcome(&call.id, "ok", false))
            .collect(),
    );
    let counts = counts(&it);
    assert_eq!(counts.len(), 33);
    assert_eq!(counts[0], (&*"n".repeat(64), 1, 0));
    assert_eq!(counts[32], ("_other", 19, 0));
}
