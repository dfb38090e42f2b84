//! Signs that a text tries to take over the model that reads it.
//!
//! Each family of signs counts once, by its strongest sign; families add up as independent evidence. A sign that is
//! talked about, in quotes or as what others do, counts for less than one that is used.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Match, Regex, RegexBuilder};

use super::fold::{decoded, fold, marks_off, unleet, unspaced};

/// From which score on a text is an injection, unless configured otherwise.
pub(crate) const THRESHOLD: f64 = 0.5;
/// What a sign that is only mentioned is worth.
const MENTIONED: f64 = 0.4;
/// Hidden characters that hold text serve no reader.
const SMUGGLED: f64 = 0.6;
/// Texts in base64 are looked at, but not what these hold again.
const DISGUISE: f64 = 0.15;

/// A family: its signs and what each is worth.
type Family = &'static [(f64, &'static str)];

/// Phrases for folded text: lower case, no accents, single spaces. `~` stands for a gap of a few words.
const FAMILIES: &[Family] = &[
    // Leaves the operator's instructions behind.
    &[
        (
            0.75,
            r"\b(ignore|disregard|forget|override|overrule|bypass|discard|neglect|drop|erase|cancel|void|overwrite)~(previous|prior|above|earlier|preceding|foregoing|system|initial|original|former|existing|built in|hidden|developer)~\b(instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|constraints?|restrictions?|programming|training|policy|policies)\b",
        ),
        (
            0.7,
            r"\b(ignore|disregard|forget|override|bypass|discard|cancel|void)( absolutely| completely| just)?( (all|any|every|everything|each|of|your|the|those|these)){1,4} (instructions?|prompts?|rules|directives?|guidelines|programming|orders|constraints)\b( (you|that|i|they|from|above|given|before|so far|and)|[.,;:!]|$)",
        ),
        (
            0.6,
            r"\b(ignore|disregard|forget|discard) (absolutely |all |of |about )*(everything|anything|all|what|whatever)( that)?( (was|has been|is|you (were|have been|are|ve been)|youve been|i|we|they|came|come|stands|written|said|stated|the (system|developer|user)))~\b(above|before|previously|told|instructed|earlier|prior|so far|taught|up to (now|this point)|said)\b",
        ),
        (
            0.6,
            r"\b(do not|don'?t|dont|stop|no longer|never) (follow|obey|following|obeying|listen to|comply with|complying with|adhere to|apply)~(previous|prior|above|earlier|original|initial|system|your|those|old)~\b(instructions?|prompts?|rules|guidelines|directives?|policy|policies|programming)\b",
        ),
        (
            0.55,
            r"\b(previous|prior|above|earlier|preceding|original|old|system|safety|those|these|all) (instructions?|prompts?|rules|guidelines|directives?|orders)~\b(are|is|were|have been|has been|should be|must be|can be|may be) (now )?(void|cancell?ed|null|revoked|suspended|ignored|lifted|overridden|invalid|no longer|not (valid|binding))\b",
        ),
        (
            0.5,
            r"\b(new|updated|revised|real|actual|true|final) (system )?(instructions?|prompt|directives?|task|objective|orders) ?(:|begin|start|follow|from (the )?(admin|developer|operator|system))",
        ),
        (
            0.5,
            r"\b(start|begin) (over|afresh|anew|from scratch) (with|under|by following)~\b(instructions?|rules|prompt)\b",
        ),
    ],
    // The same in other languages.
    &[
        (
            0.75,
            r"\b(ignorier|vergiss|missacht|uberschreib|ubergeh|verwirf|vergesst|ignoriert)[a-z]*~(vorherig|bisherig|obig|fruher|vorig|vorangegangen|system|alle|deine|ursprunglich)[a-z]*~(anweisung|instruktion|regel|vorgabe|befehl|prompt|richtlinie|anleitung)",
        ),
        (
            0.75,
            r"\b(ignor|oubli|neglig|contourn|outrepass|ne (suis|tenez|tiens|respecte))[a-z]*~(instruction|consigne|regle|directive|ordre|prompt)s?\b~(precedent|anterieur|ci dessus|ci-dessus|initial|originale|systeme|d'avant|du systeme|recues|donnees)",
        ),
        (
            0.75,
            r"\b(ignor|olvid|descart|omit|anul)[a-z]*~(instruccion|instrucciones|indicaciones|reglas|ordenes|directrices|prompt)[a-z]*\b~(anterior|previa|de arriba|iniciales|originales|del sistema|recibid|dadas)",
        ),
        (
            0.75,
            r"\b(ignor|dimentic|trascur|scorda|annull|tralasci)[a-z]*~(istruzioni|regole|direttive|ordini|prompt|indicazioni)\b~(precedent|sopra|iniziali|originali|di sistema|ricevut|finora)",
        ),
        (
            0.75,
            r"\b(ignor|esque|desconsider|descart)[a-z]*~(instrucoes|regras|ordens|diretrizes|orientacoes|prompt)\b~(anterior|acima|iniciais|originais|do sistema|previas|recebid)",
        ),
        (
            0.75,
            r"\b(negeer|vergeet|sla|omzeil)~(vorige|eerdere|bovenstaande|voorgaande|alle|oorspronkelijke)~(instructies|aanwijzingen|regels|opdrachten|richtlijnen|prompt)",
        ),
        (
            0.75,
            r"\b(zignoruj|ignoruj|zapomnij|pomin)[a-z]*~(poprzedni|wczesniejsz|powyzsz|wszystki|dotychczasow)[a-z]*~(instrukcj|polecen|regul|zasad|wytyczn)",
        ),
        (
            0.75,
            r"\b(onceki|yukaridaki|tum|butun|daha onceki)~(talimat|kural|komut|yonerge)[a-z]*~(yok say|unut|gormezden gel|dikkate alma|gecersiz)",
        ),
        (
            0.75,
            r"(игнорир|забуд|не обращаи|проигнорир|отбрось|отмен)[^.!?\n]{0,60}(предыдущ|прежн|выше|ранее|все|системн|изначальн)[^.!?\n]{0,60}(инструкц|указан|правил|команд|промпт|директив)",
        ),
        (
            0.75,
            r"(ігнору|забуд|відкин)[^.!?\n]{0,60}(попередн|усі|всі|вище)[^.!?\n]{0,60}(інструкц|вказівк|правил|команд)",
        ),
        (
            0.75,
            r"(忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要遵守|抛开|跳过)[^!?\n]{0,36}(之前|以前|上面|以上|先前|此前|前面|所有|全部|系统|原有)[^!?\n]{0,24}(指令|指示|提示|规则|規則|命令|要求|设定|设置|说明)",
        ),
        (
            0.75,
            r"(これまて|以前|上記|前|今まて|すへて|全て|システム)[^!?\n]{0,36}(指示|命令|ルール|フロンフト|指令|規則|設定)[^!?\n]{0,24}(無視|忘れ|従わな|破棄|取り消)",
        ),
        (
            0.75,
            r"(이전|위의|앞의|지금까지|모든|기존|시스템)[^.!?\n]{0,45}(지시|명령|규칙|프롬프트|지침|설정)[^.!?\n]{0,30}(무시|잊|따르지|버려)",
        ),
        (
            0.75,
            r"(تجاهل|انس|انسي|تجاوز)[^.!?\n]{0,60}(التعليمات|الاوامر|القواعد|الارشادات|تعليماتك)",
        ),
        (
            0.75,
            r"(पिछल|पिछले|पूर्व|पहले|ऊपर|सभी)[^!?\n]{0,90}(निर्देश|निरदेश|आदेश|नियम)[^!?\n]{0,90}(अनदेखा|नजरअंदाज|भूल|उपेक्षा)",
        ),
    ],
    // Becomes somebody without rules.
    &[
        (
            0.65,
            r"\b(do anything now|developer mode (enabled|activated|on)|jailbreak (mode|enabled)|jailbroken|god mode|evil (mode|twin|confidant)|unfiltered mode|unrestricted mode|opposite mode|dan mode|stan mode)\b",
        ),
        (
            0.6,
            r"\b(you are|you're|youre|act as|become|be|pretend to be|pretend you are|roleplay as|role play as|simulate|behave like|respond as|imagine you are|imagine being|play)~\b(dan|unrestricted|uncensored|unfiltered|jailbroken|amoral|evil|lawless|rogue|without (any |all )?(ethical |moral |content |safety )?(rules?|restrictions?|limits?|limitations?|filters?|ethics|morals?|guidelines|guardrails|censorship)|no (rules|restrictions|limits|limitations|filters|ethics|morals?|guidelines|guardrails)|free of (all |any )?(rules|restrictions|filters|limits)|free from (all |any )?(rules|restrictions|filters|limits))\b",
        ),
        (
            0.55,
            r"\bwith (your|all|the|any)( of)?( your| the)? (restrictions|limits|limitations|filters|safety|guardrails|safeguards|rules) (off|removed|disabled|lifted|gone|turned off|switched off)\b",
        ),
        (
            0.45,
            r"\b(from now on|starting now|from this (point|moment|message) (on|onward|onwards)|going forward)\b~\b(you (are|will|must|shall|have|respond|answer|act|only)|your (name|role|task|job|goal|purpose|only|new|sole)|respond (only|as|to|with)|answer (only|as|every)|act as)",
        ),
        (
            0.4,
            r"\b(you are|you're|youre) (now |actually |really )?(no longer|not) (an? |the )?(ai|assistant|chatbot|language model|support|bot|bound|restricted|limited|required)\b",
        ),
        (
            0.5,
            r"\byou are now (an? |the |my )?(different|new|hacker|pirate king|root|admin|administrator|linux terminal|terminal|shell|free|independent|malicious|attacker)\b",
        ),
        (
            0.45,
            r"\b(stay|remain|keep) in character~\b(never|no matter|even if|always)\b",
        ),
        (
            0.5,
            r"\b(grandma|grandmother|nana)\b~\b(used to|would)\b~\b(read|tell|recite|whisper)~\b(keys?|napalm|passwords?|recipe|codes?|serial|license|exploit)",
        ),
    ],
    // Takes the safeguards off.
    &[
        (
            0.6,
            r"\b(disable|turn off|switch off|deactivate|remove|bypass|circumvent|ignore|disregard|drop|lift|suspend|get around|evade|override|forget)~\b(safety|content|ethical|ethics|moral|security|moderation|compliance|usage|openai|anthropic|google)s? ?~(filters?|guidelines?|policy|policies|restrictions?|protocols?|guardrails?|checks?|measures?|rules|constraints|mechanisms?|settings?)\b",
        ),
        (
            0.55,
            r"\b(answer|respond|reply|comply|speak|write|continue)~\bwithout (any |applying |following )?(restrictions?|censorship|filter(s|ing)?|refus(al|ing)|limitations?|guidelines|moral(s|izing)?|disclaimers or (warnings|refusals)|safety)\b",
        ),
        (
            0.45,
            r"\b(never|do not|don'?t|dont|you (can ?not|cant|must not|may not|are not allowed to)|without ever) (say(ing)?|refuse|refusing|decline|reject|mention|respond with)~\b((i|you) (can ?not|can't|cant|am unable|are unable|apologize|'m sorry)|sorry|any request|no to|a request|your (limits|limitations|guidelines)|as an ai|requests?)\b",
        ),
        (
            0.4,
            r"\b(there are|you have|there is) no (rules|limits|restrictions|ethical|moral|content policy|filters|safeguards)\b",
        ),
    ],
    // Asks for what the model was told in private.
    &[
        (
            0.6,
            r"\b(reveal|show|print|repeat|output|display|tell|give|send|dump|leak|recite|disclose|share|expose|write (out|down)|type (out)?|copy|paste|quote|return|summari[sz]e|translate|encode|spell out|list|provide|read)( (to )?(me|us))?~\b(your|the|its|this|that|these|those|all|every|any|full|entire|complete|exact) ~?(system|initial|hidden|original|secret|internal|developer|confidential|pre-|underlying|custom|first|starting|setup) ?-?~(prompts?|instructions?|messages?|directives?|guidelines|rules|configuration|config|preamble|policies)\b",
        ),
        (
            0.55,
            r"\b(repeat|print|output|write|return|copy|echo|recite|show|paste)~\b(everything|all( of)?( the)?( text| words| content)?|the (text|words|content|lines?|sentences?|paragraphs?|message|conversation)|what (is|was)( written)?|word for word)~\b(above|before this|preceding|prior to this|up to this point|from the (start|beginning|top)|starting with|that came before)\b",
        ),
        (
            0.5,
            r"\bwhat (is|are|was|were|does|do|did|exactly)~\b(your|you)~\b(system|initial|hidden|original|secret|internal|first|exact|developer) ?~(prompts?|instructions?|directives?|message|rules|told to)\b",
        ),
        (
            0.5,
            r"\b(your|the) (system|initial|hidden|secret) (prompt|instructions?|message)~\b(verbatim|word for word|in full|as base64|in a code block|line by line|without omitting|exactly as)\b",
        ),
        (
            0.45,
            r"\b(starting|beginning|begins|starts) with [\x22'`]?you are\b",
        ),
    ],
    // Makes as if it were another part of the conversation.
    &[
        (
            0.65,
            r"(<\|(im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>|\[/?inst\]|<</?sys>>|<(start|end)~of_turn>|\[/?(system|system_prompt|available_tools)\])",
        ),
        (
            0.6,
            r"</?(system|assistant|user|instructions?|prompt|developer|system[-_ ]?(prompt|message|instructions?)|human|context|document|tool_result|admin)>~(ignore|disregard|you (are|must|will|should)|new|reveal|send|from now|important|system|now|always|forget|instead)",
        ),
        (
            0.5,
            r"(^|\n) ?[#*=\-\[ ]{0,6}(system|developer|assistant|admin|root)( message| prompt| override| note| instructions?| update| notice| command)?[#*=\-\] ]{0,6}: ?~(you|ignore|disregard|new|override|the user|user|from|now|all|must|forget|always|reveal|send|respond|disable|safety|restrictions)",
        ),
        (
            0.55,
            r"(-{3,}|={3,}|#{3,}|\*{3,}) ?(end|begin|start|stop)( of)?( the| user| system)? (input|prompt|instructions?|context|document|conversation|query|data|message|system)",
        ),
        (
            0.55,
            r"[\x22']role[\x22'] ?: ?[\x22'](system|developer)[\x22']",
        ),
        (
            0.5,
            r"\b(end of|end) (user )?(input|query|document|context)\b~(new|system|admin|now|begin)",
        ),
        (
            0.5,
            r"\b(system|admin|root|security|maintenance|debug) ((override|bypass|command)s? ?:|(override|bypass|command|mode|access|level)s? ?(code|enabled|activated|granted|engaged|initiated|accepted|confirmed|authori[sz]ed))",
        ),
    ],
    // Sends data out.
    &[
        (
            0.6,
            r"\b(send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|submit|deliver|relay|append|encode|include|embed|put|copy)~\b(api[-_ ]?keys?|passwords?|passwd|credentials?|secrets?|conversation|chat (history|log)|tokens?|system prompt|session|cookies?|user'?s? (data|details|information|messages?|emails?|files?|address)|personal (data|information)|private (data|files?|keys?|messages?)|contact list|environment variables?|\.env|ssh keys?|inbox|customer (data|records|list)|confidential|all (the )?(data|files|documents|emails|messages|contents?|records))~\b(to|at|into|in|as|via|using|through)~(https?:|www\.|[a-z0-9._-]+@[a-z0-9-]+\.|[a-z0-9-]+\.(com|net|org|io|ru|xyz|example|test|evil)|(this|the|my|following|our|an? )~(url|address|server|endpoint|webhook|link|image|email|site|domain|account))",
        ),
        (
            0.6,
            r"!\[[^\]]{0,80}\]\(https?://[^)]{0,200}[?=/](\{|<|\[|\$|%7b|data|secret|key|conversation|prompt)",
        ),
        (
            0.5,
            r"\b(call|invoke|use|run|execute|trigger)~\b(tool|function|command|api|plugin|shell|bash|curl|wget|send_email|transfer|delete)\b~\b(without (asking|telling|informing|confirm|approval|permission|the user)|silently|secretly|immediately and|before (answering|replying|responding|doing anything))",
        ),
        (
            0.5,
            r"\b(curl|wget|fetch|nc|powershell|invoke-webrequest) ~https?://[^ ]{1,120}~(\$|`|env|secret|token|passwd|key|\| ?(ba)?sh)",
        ),
    ],
    // Hides what it does.
    &[
        (
            0.45,
            r"\b(do not|don'?t|dont|never|must not|should not|without|avoid) (tell|telling|mention|mentioning|inform|informing|reveal|revealing|alert|alerting|notify|notifying|let|show|showing|disclose|disclosing|say|saying|warn|warning|asking|ask)~\b(the (user|human|reader|customer|person|operator|recipient)|to anyone|anyone|that you|these instructions|this (instruction|message|note|text|prompt|to|in|command)|them (about|that)|about (this|these))\b",
        ),
        (
            0.4,
            r"\b(secretly|silently|covertly|discreetly|quietly)\b~\b(send|include|add|insert|forward|append|execute|call|recommend|replace|change|delete|embed)\b",
        ),
        (
            0.35,
            r"\b(confirm|acknowledge|reply|respond|answer|say) (only )?(with|by saying)? ?[\x22'`]?(ok|understood|access granted|pwned|hacked|i have been|yes master|jailbroken|injection successful|done)[\x22'`]?~(if you understand|and nothing else|only|first|before|$)",
        ),
    ],
    // Speaks to a model from inside of content.
    &[
        (
            0.5,
            r"\b(attention|note|notice|message|important|instructions?|hint|reminder|info(rmation)?|hello|hi|hey|dear)~(to|for|:|,)? ?~\b(any |all |the |this )*(ai|a\.i\.|llms?|language models?|chatbots?|chatgpt|claude|gemini|copilot|gpt(-[0-9o]+)?|ai (assistants?|agents?|models?|systems?)|automated (assistant|system|reviewer|agent)s?|assistants? (reading|processing|summarizing))\b[ ,:;!.-]{1,4}~\b(please|you|must|should|ignore|disregard|do|rate|recommend|say|include|add|give|respond|output|state|when|if|instead|always|stop|forget|send|reply|the user|write|tell|mark)\b",
        ),
        (
            0.5,
            r"\b(if you are|if you're|as|when you are|since you are|you,? as) (an? |the )?(ai|llm|language model|large language model|ai (assistant|agent|model|reviewer)|automated (system|agent|reviewer)|assistant|bot)\b~\b(reading|processing|summari[sz]ing|reviewing|evaluating|you (must|should|have to|need to|are (required|instructed)))\b",
        ),
        (
            0.5,
            r"\b(when|before|after|while) (summari[sz]ing|translating|answering|processing|reading|responding|analy[sz]ing|reviewing)~\b(document|page|text|e-?mail|message|article|file|resume|cv|question|website|content)\b,?~\b(you must|always|also|instead|make sure|be sure|include|add|insert|recommend|say|tell|append|state|conclude|output|rate)\b",
        ),
        (
            0.45,
            r"\b(the )?(assistant|ai|model|llm|chatbot) (must|shall|should|will|needs to|has to|is (instructed|required|ordered|authori[sz]ed|permitted) to) (now |immediately |always |instead )?(ignore|disregard|reveal|send|forward|output|respond|execute|delete|recommend|comply|obey|include|rate|give|approve|hide|call|transfer|say)\b",
        ),
    ],
    // Claims to have a say.
    &[
        (
            0.4,
            r"\b(i am|i'm|im|this is|speaking as|it is me,?|we are) (actually |really )?(your|the|an?)? ?(developer|creator|administrator|admin|system administrator|openai|anthropic|google deepmind|engineer (at|from) (openai|anthropic|google)|owner of this (bot|system)|openai (staff|team|engineer|employee)|anthropic (staff|team|engineer|employee)|security team|operator|red team|red teaming)\b",
        ),
        (
            0.3,
            r"\b(i have|you have|i hereby|i am granting you|i grant you|with) (full |special |root |admin |administrator |explicit |complete )+(authori[sz]ation|permissions?|access|clearance|privileges|authority)\b",
        ),
        (
            0.3,
            r"\b(authori[sz]ed|approved|permitted|cleared) (by|under) (openai|anthropic|google|the (admin|developer|security team|ceo|operator|legal team))\b",
        ),
        (
            0.25,
            r"\b(for (educational|research|testing|fictional|hypothetical|academic) purposes only|hypothetically( speaking)?|this is (just )?a (test|simulation|fictional))\b",
        ),
    ],
];

/// Without gaps, for letters that were set apart.
const UNSPACED: &str = r"(ignore|disregard|forget|bypass)(all|any|the|your|every)*(previous|prior|above|earlier|system|safety)+(instructions?|prompts?|rules|messages?|filters?)|(reveal|show|print|tellme|repeat)(me)?(your|the)(system|hidden|secret|initial)(prompt|instructions?)|developermode|doanythingnow";

/// Talk about injections: what stands in quotes, or what others do, is not said to the model.
const DISCUSSION: &str = r"\b(prompt[- ]injections?|injection (attacks?|attempts?)|jailbreak(s|ing)?( attempts?| attacks?| prompts?)?|attackers?|red[- ]?team|phrases? (like|such as)|sentences? (like|such as)|(text|word|string|input|message|prompt|instruction|line|comment)s? (like|such as|that says?|saying|which says?|reading|containing)|for example|e\.g\.|detect(s|ed|ing|ion|or)?|classif(y|ier|ies|ication)|block(s|ed|ing)?|filter(s|ed|ing)?|flag(s|ged|ging)?|guard(s|rail|rails|ing)?|defen[cds][a-z]*|protect[a-z]*|prevent[a-z]*|mitigat[a-z]*|paper|article|blog|lecture|unit test|test case|regex|translat(e|ion)|the meaning of|what does|means?|explain|why (do|does|did|would|is)|how (do|does|can|should|to))\b";
/// Somebody else is said to do it.
const OTHERS: &str = r"\b(users?|attackers?|people|someone|somebody|they|he|she|customers?|students?|hackers?|who|which|that|inputs?|prompts?|messages?|emails?|kids?|it|tr(y|ies|ied|ying)|attempts?|attempting|told|tells|telling|asks|asked|asking|says|said|saying|wrote|writes|contain(s|ed|ing)?|can|could|might|would|may|did|not|never|should i|must i|how to|want to|we|i)( (to|that|me|them|the|our|your|my|an|a|bot|model|assistant|chatbot|ai|simply|just|it|please))* ?[\x22'`]?$";

/// Double quotes of all sorts, back quotes, and single ones at a border.
const QUOTED: &str =
    r"[\x22`][^\x22`\n]{4,400}[\x22`]|(«|“|„)[^\n]{4,400}?(»|”|“)|(^|[ (:])'[^'\n]{4,400}'";

struct Compiled {
    families: Vec<Vec<(f64, Regex)>>,
    unspaced: Option<Regex>,
    discussion: Option<Regex>,
    others: Option<Regex>,
    quoted: Option<Regex>,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| Compiled {
    families: FAMILIES
        .iter()
        .map(|family| {
            let signs = family.iter();
            signs
                .filter_map(|(worth, sign)| Some((*worth, compile(sign)?)))
                .collect()
        })
        .collect(),
    unspaced: compile(UNSPACED),
    discussion: compile(DISCUSSION),
    others: compile(OTHERS),
    quoted: compile(QUOTED),
});

/// Bytes, not characters: automata stay small, and gaps are cheap. That every sign compiles is tested.
fn compile(sign: &str) -> Option<Regex> {
    const GAP: &str = r"[^.!?\n]{0,40}?";
    let plain: String = marks_off(sign.chars()).collect();
    let pattern = plain.replace('~', GAP);
    RegexBuilder::new(&pattern)
        .unicode(false)
        .dfa_size_limit(1 << 23)
        .size_limit(1 << 24)
        .build()
        .ok()
}

/// How strongly `text` speaks for an injection, from 0 to 1.
pub(super) fn score(text: &str) -> f64 {
    let compiled = &*COMPILED;
    let folded = fold(text);
    let mut doubt = 1.0 - compiled.evidence(&folded.text);
    if let Some(plain) = unleet(&folded.text) {
        doubt = doubt.min(1.0 - compiled.evidence(&plain));
    }
    let unspaced = unspaced(&folded.text);
    if unspaced.is_some_and(|text| {
        compiled
            .unspaced
            .as_ref()
            .is_some_and(|sign| sign.is_match(text.as_bytes()))
    }) {
        doubt = doubt.min(0.3);
    }
    for hidden in decoded(text) {
        let evidence = compiled.evidence(&fold(&hidden).text);
        if evidence > 0.0 {
            doubt = doubt.min((1.0 - evidence) * (1.0 - DISGUISE));
        }
    }
    if folded.smuggled {
        doubt *= 1.0 - SMUGGLED;
    }
    1.0 - doubt
}

impl Compiled {
    fn evidence(&self, folded: &str) -> f64 {
        let text = folded.as_bytes();
        let context = Context {
            compiled: self,
            text,
            discusses: OnceCell::new(),
            quotes: OnceCell::new(),
        };
        let doubt: f64 = self
            .families
            .iter()
            .map(|family| {
                let signs = family.iter().map(|(worth, sign)| {
                    sign.find_iter(text)
                        .map(|at| worth * context.weight(&at))
                        .fold(0.0, f64::max)
                });
                1.0 - signs.fold(0.0, f64::max)
            })
            .product();
        1.0 - doubt
    }
}

struct Context<'a> {
    compiled: &'a Compiled,
    text: &'a [u8],
    /// Whether the text talks about injections; looked up once, where a sign asks.
    discusses: OnceCell<bool>,
    quotes: OnceCell<Vec<Range<usize>>>,
}

impl Context<'_> {
    /// 1 for a sign in use, less for one that is mentioned.
    fn weight(&self, at: &Match<'_>) -> f64 {
        if self.is_discussion() && (self.is_done_by_others(at) || self.is_quoted(at)) {
            MENTIONED
        } else {
            1.0
        }
    }

    fn is_discussion(&self) -> bool {
        let looked_up = || matches(self.compiled.discussion.as_ref(), self.text);
        *self.discusses.get_or_init(looked_up)
    }

    fn is_done_by_others(&self, at: &Match<'_>) -> bool {
        const BEFORE: usize = 60;
        let start = at.start();
        let before = self.text.get(start.saturating_sub(BEFORE)..start);
        let ends = |b: &u8| matches!(b, b'.' | b'!' | b'?' | b'\n' | b':');
        let sentence = before.and_then(|before| before.rsplit(ends).next());
        matches(self.compiled.others.as_ref(), sentence.unwrap_or_default())
    }

    fn is_quoted(&self, at: &Match<'_>) -> bool {
        let find = || {
            let quotes = self
                .compiled
                .quoted
                .as_ref()
                .map(|quoted| quoted.find_iter(self.text));
            quotes
                .into_iter()
                .flatten()
                .map(|quote| quote.range())
                .collect()
        };
        let quotes: &Vec<Range<usize>> = self.quotes.get_or_init(find);
        // A sign may take the closing quote along.
        quotes
            .iter()
            .any(|quote| quote.start <= at.start() && at.end() <= quote.end + 1)
    }
}

fn matches(pattern: Option<&Regex>, text: &[u8]) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_compiles() {
        for sign in FAMILIES.iter().flat_map(|family| family.iter()) {
            assert!(compile(sign.1).is_some(), "{}", sign.1);
        }
        for pattern in [UNSPACED, DISCUSSION, OTHERS, QUOTED] {
            assert!(compile(pattern).is_some(), "{pattern}");
        }
    }
}
