"""The packages that public sets come from: name, version, SHA-256 of the wheel, licence. Nothing of them is kept here."""

WHEELS = {
    # 25,160 attacks, each with the public set it came from.
    "prompt_armor": ("prompt-armor", "0.9.1", "e14ae28add7275d8ffc930835bf90c89f9806a0710008492c91ab8fa046a6ff6", "Apache-2.0"),
    # 118 attacks and 63 harmless texts made to look like them, in five languages.
    "bastioncorpus": ("bastioncorpus", "0.6.0", "96d7268cfafc2be0908382b61af8b67dec19058e2877657b217e68be0552a00a", "MIT"),
    # Attacks planted in tools' results.
    "agent_injection_bench": ("agent-injection-bench", "0.1.0", "1c4339fc4e2cfcecf7971a96ab58d74ae124f5766b0a2162340fa6731c6ce9f9", "MIT"),
    # Files, e-mails and calendars of invented companies.
    "agentdojo": ("agentdojo", "0.1.35", "364bea4219716b716bf639f504d195943f7f6a5535d312ca41d7098704a2affd", "MIT"),
    # Small talk and trivia in twenty languages.
    "chatterbot_corpus": ("chatterbot-corpus", "1.3.3", "86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154", "BSD-3-Clause"),
    # Prompts of several hundred evaluations.
    "evals": ("evals", "3.0.1.post1", "0abcb2051303500784b1641a6e4f6b813ed43ad64f879a37d344a6774eb8eb78", "MIT"),
    # 209 sentences with places for personal data.
    "presidio_evaluator": ("presidio-evaluator", "0.3.2", "57614fe604e52b78e6de25b767c59265886b93bbcdc6c7e43ab2657d3f6302be", "MIT"),
}
