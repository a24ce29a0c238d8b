"""Words in the names of fields, by what they say. A name is a hint: the values have to agree (`roles`)."""

PROMPT_NAMES = (
    "prompt",
    "instruction",
    "question",
    "query",
    "problem",
    "input",
    "inputs",
    "source",
    "post",
    "request",
    "history",
    "ask",
    "ticket",
    "enquiry",
    "inquiry",
)
PROMPT_EXTRA_NAMES = ("input", "context", "document", "passage")
SOURCE_NAMES = ("context", "document", "passage", "article", "premise", "background")
"""Names of texts that a question or a summary is about: never an answer."""
SOURCE_LIST_NAMES = {
    *("context", "contexts", "passage", "passages", "document", "documents", "docs", "article", "articles", "chunks"),
    *("snippets", "paragraphs", "excerpts", "retrieved", "sources", "evidence", "facts"),
}
RETRIEVED_NAMES = {*SOURCE_LIST_NAMES, "retriever", "resources", "resource", "citations", "hits", "matches", "chunk"}
"""Words in the names of lists of mappings that a search returned."""
NO_SOURCE_NAMES = {"id", "ids", "title", "titles", "url", "urls", "name", "names", "link", "links", "uri", "reference"}
"""Words in the names of lists of texts that a question is about; with the second, they are only named."""
ANSWER_NAMES = (
    "response",
    "output",
    "answer",
    "completion",
    "reply",
    "generation",
    "outputs",
    "generated",
    "prediction",
    "summary",
    "hypothesis",
    "suggestion",
)
"""Names of prompts and answers; earlier ones have priority."""
SHORT_PROMPT_NAMES = ("q", "quest", "ques", "src", "in", "task", "brief", "exercise")
SHORT_ANSWER_NAMES = ("a", "ans", "resp", "mt", "hyp", "pred", "out")
"""Whole names of prompts and answers that are too short to be looked for inside others."""
SPEECH_NAMES = {"message", "messages", "text", "msg", "utterance", "turn", "content", "comment", "says", "said", "body"}
ASKER_NAMES = {
    *("user", "customer", "human", "client", "visitor", "requester", "buyer", "patient", "student", "caller"),
    *("inbound", "incoming"),
}
ANSWERER_NAMES = {
    *("bot", "assistant", "ai", "gpt", "chatgpt", "llm", "chatbot", "model", "agent", "copilot", "claude"),
    *("outbound", "outgoing"),
}
"""Names of the two speakers. A text called `customer` or `customer_message` is a prompt, `bot_text` an answer."""
OTHER_TEXT_NAMES = (
    "reference",
    "ref",
    "refs",
    "target",
    "gold",
    "golden",
    "expected",
    "ground_truth",
    "rationale",
    "model",
    "generator",
    "annotator",
    "title",
    "id",
    "metadata",
)
"""Words in the names of texts that are neither a prompt nor an answer."""
CRITIQUE_NAMES = ("feedback", "critique", "comment", "comments", "review", "criticism", "assessment", "evaluation")
"""Names of texts that judge an answer."""
EXPLANATION_NAMES = (
    *(
        "rationale",
        "explanation",
        "justification",
        "reason",
        "reasons",
        "reasoning",
        "remark",
        "remarks",
    ),
    *("why", "thoughts", "correction"),
)
"""Names of texts that explain an answer or a judgement. They are neither prompts nor answers."""

SYSTEM_NAMES = {"system", "sys"}
SYSTEM_MORE = {*SYSTEM_NAMES, "prompt", "message", "msg", "instruction", "instructions", "text", "content"}
"""A system text has one of `SYSTEM_NAMES`, and no word besides `SYSTEM_MORE`: `system_output` is an answer."""
HISTORY_NAMES = {"history", "previous", "earlier", "past", "prior", "preceding"}
TOOL_NAMES = {"tool", "tools", "function", "functions"}
TOOL_MORE = {*TOOL_NAMES, "available", "call", "calls", "definitions", "schema", "schemas", "list", "choice", "defs"}

METADATA_NAMES = {
    *("id", "ids", "uuid", "guid", "idx", "index", "hash", "key", "sha", "digest", "name", "number", "no", "nr", "num"),
    *("timestamp", "tstamp", "time", "date", "datetime", "created", "updated", "inserted", "submitted", "started"),
    *("finished", "modified", "ts", "year", "month", "day", "seconds", "latency", "duration", "ms", "age"),
    *("user", "username", "annotator", "rater", "worker", "author", "creator", "reviewer", "evaluator", "labeler"),
    *("labeller", "judge", "assignee", "owner", "email", "operator", "account", "session", "trace", "run", "agent"),
    *("model", "generator", "policy", "engine", "deployment", "provider", "version", "config", "seed", "temperature"),
    *("url", "uri", "link", "path", "file", "filename", "dataset", "subset", "split", "domain", "category", "topic"),
    *("tag", "tags", "channel", "language", "lang", "locale", "country", "region", "project", "task", "group", "type"),
    *("count", "tokens", "token", "length", "len", "chars", "words", "cost", "price", "turn", "turns", "page", "line"),
    *(
        "start",
        "end",
        "offset",
        "offsets",
        "begin",
        "span",
        "position",
        "revision",
        "ratio",
        "status",
        "state",
        "stage",
    ),
    *("priority", "difficulty", "urgency", "level", "round", "step", "batch", "size", "width", "height", "top", "n"),
    *("cached", "cache", "stream", "streamed", "streaming", "truncated", "internal", "endpoint", "method", "http"),
    *("fold", "folds", "weight", "weights", "online", "receipt", "receipts", "delivered", "queue", "read"),
    *("environment", "env", "device", "platform", "os", "browser", "source", "origin", "kind", "mode", "cmp"),
}
"""Words in the names of what is neither said nor judged."""
SORT_NAMES = {
    *(
        "department",
        "team",
        "unit",
        "product",
        "service",
        "plan",
        "tier",
        "segment",
        "market",
        "area",
        "field",
        "subject",
    ),
    *(
        "genre",
        "style",
        "skill",
        "skills",
        "gender",
        "role",
        "speaker",
        "format",
        "scenario",
        "persona",
        "theme",
        "intent",
    ),
    *("sort", "classification", "taxonomy", "section", "chapter", "part", "license", "city", "state", "store", "brand"),
    *("color", "colour", "activity", "finish", "reason", "form", "scope", "queue", "desk", "cluster", "variant", "arm"),
}
"""Words in the names of fields that say what sort a row is of."""
METADATA_FOLDERS = {"metadata", "meta", "config", "info", "debug", "stats", "usage", "tag", "tags", "params"}
"""Names of mappings whose fields are metadata, unless their own names or values say that they judge."""
TECHNICAL_FOLDERS = {"moderation", "config", "usage", "params", "timings", "telemetry"}
"""Names of mappings that a program wrote: their fields may judge an answer, but no person judged it there."""
PEOPLE = (
    *("annotator", "rater", "judge", "worker", "reviewer", "evaluator", "labeler", "labeller", "grader", "assessor"),
    *("coder", "voter", "expert", "crowdworker", "marker"),
)
"""Words in the names of fields that name who judged."""
GROUPS_OF_PEOPLE = {
    *PEOPLE,
    *(f"{word}s" for word in PEOPLE),
    *("people", "persons", "users", "humans", "votes", "voters", "panel", "crowd", "jury", "participants", "members"),
    "by",
}
"""Words in the names of lists, or of mappings person -> judgement, of what people said."""
OFFSET_NAMES = {
    *("start", "starts", "end", "ends", "begin", "offset", "offsets", "span", "spans"),
    *("index", "indices", "idx", "char", "token", "line", "id", "ids"),
}
"""Names of numbers that say where something is in a text or in a list."""
TAG_NAMES = {"tag", "tags", "keyword", "keywords", "categories", "topics", "labels", "flags", "issues"}
"""Names of lists of words that sort or mark a row: never answers."""
DERIVED_NAMES = {
    *("ratio", "difference", "diff", "delta", "std", "variance", "agreement", "confidence", "probability", "prob"),
    *("perplexity", "ppl", "logprob", "logprobs", "logp", "logit", "logits", "nll", "entropy", "likelihood"),
    *("loglikelihood", "loss"),
}
"""Names of numbers that are computed from scores, say how sure a judge is, or that a model gives about its own text."""
MACHINE_NAMES = {
    *("tool", "tools", "api", "request", "requests", "network", "http", "parse", "parser", "parsing", "timeout"),
    *("connection", "server", "stream", "retry", "retries", "plugin", "lint", "linter", "compiler", "build"),
}
"""Words that say that a machine, and not the answer, has faults: `tool_errors`."""
DISTANCE_NAMES = {"edit", "edits", "levenshtein", "hamming", "character", "characters", "token", "keystroke", "char"}
"""Words that make a distance a count of changes between two texts: `edit_distance`."""
RUBRIC_NAMES = {"description", "descriptions", "criteria", "criterion", "rubric", "rubrics", "guideline", "guidelines"}
"""Words in the names of texts that say what a score means, `description` beside `score`: they judge nothing."""
PLACE_NAMES = {"id", "ids", "idx", "index", "position", "place", "slot"}
"""Words in the names of numbers that say where something is."""
PICKED_NAMES = {
    *("better", "best", "winner", "winning", "chosen", "preferred", "selected", "picked", "clicked", "worst", "worse"),
    *("rejected", "loser", "losing", "disliked"),
}
"""Words that make the place of an answer a judgement: `worst_index`, `clicked_position`."""
COUNT_NAMES = {
    "total",
    "ratio",
    "difference",
    "diff",
    "std",
    "variance",
    "minutes",
    "hours",
    "days",
    "count",
    "tokens",
    "token",
    "length",
    "len",
    "num",
    "n",
    "chars",
    "words",
    "turns",
    "size",
    "ms",
    "number",
}

GOOD_NAMES = {
    *("liked", "like", "likes", "helpful", "useful", "good", "correct", "right", "accurate", "approved", "approve"),
    *(
        "approval",
        "accepted",
        "accept",
        "acceptable",
        "desirable",
        "positive",
        "satisfied",
        "satisfactory",
        "passed",
        "pass",
    ),
    *("safe", "truthful", "honest", "faithful", "grounded", "relevant", "upvote", "upvotes", "upvoted", "up"),
    *("recommended", "appropriate", "coherent", "fluent", "factual", "preferred"),
}
BAD_NAMES = {
    *("toxic", "unsafe", "harmful", "harm", "flagged", "bad", "wrong", "incorrect", "error", "errors", "mistake"),
    *("mistakes", "hallucination", "hallucinations", "hallucinated", "hallucinates", "offensive", "biased", "abusive"),
    *("inappropriate", "rejected", "reject", "disliked", "dislike", "dislikes", "downvote", "downvotes", "downvoted"),
    *("down", "negative", "inaccurate", "irrelevant", "unhelpful", "useless", "broken", "failed", "fail", "failure"),
    *("violation", "violations", "misleading", "fabricated", "incoherent", "repetitive", "worst", "worse"),
    *("reported", "complaint", "complained", "complaints", "issues", "defects", "faults"),
}
"""Words that say what a field that is true, or a high number, praises or blames."""
COUNT_OPPOSITES = {"up", "down", "ups", "downs", "upvotes", "downvotes", "likes", "dislikes"}
"""Words in the names of counts of praise and of blame; the difference of two such counts judges an answer."""
NEGATIONS = {"not", "no", "non", "without", "lacks", "free", "never", "isnt", "less", "least"}
"""Words that turn the meaning of a name around: such a name tells nothing."""
VERDICT_NAMES = (
    *("winner", "preferred", "preference", "better", "best", "chosen", "choice", "vote", "pick", "selected", "verdict"),
    *("judgement", "judgment", "decision", "wins", "won", "picked", "favorite", "favourite", "prefer", "pref"),
    "clicked",
)
"""Names of fields whose value names the better answer."""
JUDGEMENT_NAMES = {
    *VERDICT_NAMES,
    *("feedback", "rating", "ratings", "rated", "rate", "votes", "thumb", "thumbs", "label", "labels", "reaction"),
    *(
        "reactions",
        "emoji",
        "flag",
        "flags",
        "evaluation",
        "eval",
        "assessment",
        "review",
        "grade",
        "grades",
        "score",
        "scores",
    ),
    *("opinion", "quality", "csat", "nps", "satisfaction", "annotation", "annotations", "sentiment", "stars", "star"),
    *("ranking", "rankings", "rank", "ranks", "preferences", "judgements", "judgments", "likert", "reward", "rewards"),
    *(
        "success",
        "succeeded",
        "grading",
        "acceptance",
        "outcome",
        "kudos",
        "points",
        "mark",
        "marks",
        "agreement",
        "correctness",
        "helpfulness",
    ),
}
"""Words in the names of judgements, whatever they judge and whichever value is good."""
CHECK_NAMES = {"review", "qa", "qc", "approval", "check", "moderation", "validation", "audit", "verdict", "quality"}
"""Words in the names of fields that hold the outcome of a check, such as `review_status`."""
OUTCOME_NAMES = {"status", "state", "result", "outcome", "decision", "verdict"}
"""Words in the names of outcomes, of a check or of anything else."""
CODE_NAMES = {"label", "labels", "annotation", "annotations", "outcome", "sentiment", "class", "flag", "flags"}
"""Names of codes that are as likely a class as a score."""
AMBIGUOUS_NAMES = {"success", "succeeded", "sentiment", "emotion", "tone", "mood", "stance", "intent"}
"""Names of judgements that are often about the user's text, or about the request, and not about the answer."""

HIGH_IS_BETTER = {
    *("overall", "quality", "helpfulness", "help", "helpful", "correctness", "correct", "accuracy", "coherence"),
    *("naturalness", "informativeness", "fluency", "relevance", "usefulness", "honesty", "truthfulness", "stars"),
    *("faithfulness", "factuality", "understandability", "engagingness", "groundedness", "safety", "harmlessness"),
    *("upvotes", "likes", "satisfaction", "csat", "nps", "star", "clarity", "completeness", "relevancy", "precision"),
    *("recall", "similarity", "adequacy", "conciseness", "consistency", "bleu", "rouge", "bertscore", "meteor", "f1"),
    "ups",
}
LOW_IS_BETTER = {
    *("rank", "toxicity", "errors", "error", "harm", "harmfulness", "mistakes", "downvotes", "dislikes", "loss"),
    *("hallucination", "hallucinations", "bias", "risk", "distance", "downs"),
}
SCORE_NAMES = {"score", "scores", "rating", "ratings", "reward", "rewards", "grade", "points", "marks", "rate"}
"""Names of scores that do not say by themselves which end of the scale is better."""
UNIT_NAMES = {
    *("stars", "star", "upvotes", "ups", "likes", "downvotes", "downs", "dislikes", "rank", "ranks", "csat", "nps"),
}
"""Names that are units of praise, of blame or of places: they say themselves which end is better."""
NEUTRAL_NAMES = {
    "overall",
    "mean",
    "avg",
    "average",
    "total",
    "final",
    "user",
    "human",
    "customer",
    "annotator",
    "of",
    "the",
}
"""Words that leave the direction of a name as it is."""
