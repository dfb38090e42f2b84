//! How "OpenAI-compatible" chat APIs differ in the top-level members they take, and the one place that applies it.
//!
//! Only what the provider refuses or provably ignores is dropped. What would change an answer's meaning (`tools`,
//! `response_format`) is left in, so that a provider without it says so instead of being misunderstood.

use crate::operation::Operation;

/// One difference from OpenAI's chat API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// Knows the output limit by this name only: `max_tokens` for most hosts of open models, DeepSeek, Moonshot,
    /// Z.ai and other gateways; `max_completion_tokens` for OpenAI (reasoning models), Meta, Groq and Cerebras.
    MaxTokensField(&'static str),
    /// Refuses or does not know `stream_options`, and reports usage unasked: Mistral, Cerebras, Together and Azure
    /// AI Inference.
    NoStreamOptions,
    /// Refuses these members or ignores them, so they are not sent: DeepSeek, Groq, SambaNova, Z.ai and others.
    DropParams(&'static [&'static str]),
    /// Knows a member by another name: Mistral's `random_seed`.
    RenameParam(&'static str, &'static str),
    /// Takes these members and no others: containers behind SageMaker endpoints.
    OnlyParams(&'static [&'static str]),
    /// Reports reasoning tokens beside, not inside, `completion_tokens`: xAI, and Google models at DeepInfra.
    /// Where the total says so they are added, or the call would be billed too low.
    ReasoningOutsideCompletion,
    /// Demands an assistant's `reasoning_content` back when tools are in play: DeepSeek and Moonshot.
    ReplaysReasoning,
    /// Its models write their thoughts into their text, between `<think>` tags: MiniMax, Perplexity, SambaNova, and
    /// servers of open models that do not take them out.
    ThoughtsInText,
    /// Answers embeddings as base64 of signed bytes, and takes no other encoding: Perplexity.
    /// <https://docs.perplexity.ai/docs/embeddings/best-practices>
    Int8Vectors,
    /// Has the operation, but neither asks nor answers in the usual shape of it.
    OwnShape(Operation),
    /// The same, in a format that is translated.
    Speaks(Operation, OwnFormat),
}

/// A vendor's own format of pictures, sound or batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnFormat {
    DashScope,
    Fireworks,
    MiniMax,
    Mistral,
    /// OpenAI's batches with other names, and without metadata.
    Together,
    Xai,
}

/// What becomes of a top-level member of a chat request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Keep,
    Drop,
    Rename(&'static str),
}

const OUTPUT_LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// Decides one member. Called for every member of every request: no allocation, a handful of comparisons.
///
/// A rename can meet a member that already has the new name; the caller then keeps that one.
pub fn top_level_edit(quirks: &[Quirk], member: &str, streaming: bool) -> Edit {
    // OpenAI and others refuse the member when the answer is not streamed.
    if member == "stream_options" && !(streaming && allows_stream_options(quirks)) {
        return Edit::Drop;
    }
    for quirk in quirks {
        match *quirk {
            Quirk::MaxTokensField(field) if OUTPUT_LIMITS.contains(&member) && member != field => {
                return Edit::Rename(field);
            }
            Quirk::DropParams(names) if names.contains(&member) => return Edit::Drop,
            Quirk::RenameParam(from, to) if member == from => return Edit::Rename(to),
            Quirk::OnlyParams(names) if !names.contains(&member) => return Edit::Drop,
            _ => {}
        }
    }
    Edit::Keep
}

/// Whether usage may be asked for with `stream_options`.
pub fn allows_stream_options(quirks: &[Quirk]) -> bool {
    !quirks.iter().any(|quirk| match quirk {
        Quirk::NoStreamOptions => true,
        Quirk::OnlyParams(names) => !names.contains(&"stream_options"),
        _ => false,
    })
}

/// Whether reasoning tokens may be missing from `completion_tokens`.
pub fn reasoning_outside_completion(quirks: &[Quirk]) -> bool {
    quirks.contains(&Quirk::ReasoningOutsideCompletion)
}

/// Whether an assistant's unsigned reasoning is sent back to it.
pub fn replays_reasoning(quirks: &[Quirk]) -> bool {
    quirks.contains(&Quirk::ReplaysReasoning)
}

/// Whether thoughts must be looked for in the text.
pub fn writes_thoughts(quirks: &[Quirk]) -> bool {
    quirks.contains(&Quirk::ThoughtsInText)
}

/// Whether vectors come as signed bytes.
pub fn answers_int8_vectors(quirks: &[Quirk]) -> bool {
    quirks.contains(&Quirk::Int8Vectors)
}

/// The format of the provider's own that the operation is translated to.
pub fn own_format(quirks: &[Quirk], operation: Operation) -> Option<OwnFormat> {
    quirks.iter().find_map(|quirk| match quirk {
        Quirk::Speaks(known, format) if *known == operation => Some(*format),
        _ => None,
    })
}

/// Whether the operation is asked and answered in a shape of the provider's own that nobody translates.
pub fn has_own_shape(quirks: &[Quirk], operation: Operation) -> bool {
    quirks.contains(&Quirk::OwnShape(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_quirks_only_a_pointless_stream_options_goes() {
        for member in ["model", "max_tokens", "tools", "unknown_member"] {
            assert_eq!(top_level_edit(&[], member, false), Edit::Keep, "{member}");
        }
        assert_eq!(top_level_edit(&[], "stream_options", true), Edit::Keep);
        assert_eq!(top_level_edit(&[], "stream_options", false), Edit::Drop);
    }

    #[test]
    fn both_spellings_of_the_output_limit_end_as_the_providers() {
        for (field, other) in [
            ("max_tokens", "max_completion_tokens"),
            ("max_completion_tokens", "max_tokens"),
        ] {
            let quirks = [Quirk::MaxTokensField(field)];
            assert_eq!(top_level_edit(&quirks, other, false), Edit::Rename(field));
            assert_eq!(top_level_edit(&quirks, field, false), Edit::Keep);
        }
    }

    #[test]
    fn quirks_add_up() {
        let quirks = [
            Quirk::NoStreamOptions,
            Quirk::DropParams(&["logit_bias"]),
            Quirk::RenameParam("seed", "random_seed"),
        ];
        assert_eq!(top_level_edit(&quirks, "stream_options", true), Edit::Drop);
        assert_eq!(top_level_edit(&quirks, "logit_bias", true), Edit::Drop);
        assert_eq!(
            top_level_edit(&quirks, "seed", true),
            Edit::Rename("random_seed")
        );
        assert_eq!(top_level_edit(&quirks, "messages", true), Edit::Keep);
        assert!(!allows_stream_options(&quirks));
    }

    #[test]
    fn a_closed_list_drops_the_rest() {
        let quirks = [Quirk::OnlyParams(&["messages", "max_tokens"])];
        assert_eq!(top_level_edit(&quirks, "messages", false), Edit::Keep);
        assert_eq!(top_level_edit(&quirks, "seed", false), Edit::Drop);
        assert!(!allows_stream_options(&quirks));
    }
}
