"""The same request gives the same text: repeated, from the cache, and beside other requests."""

from concurrent.futures import ThreadPoolExecutor

SYSTEM = "You are a support agent. Answer briefly and name the plan. "
DOCUMENT = (
    "The Team plan costs 12 euros a month and has 50 GB. The Business plan costs 30 euros. " * 8
)
PROMPTS = [
    "Tell me about the sea.",
    "How do I reset my password?",
    f"Context: {DOCUMENT}\nQuestion: What does the Team plan cost?",
    f"Context: {DOCUMENT}\nQuestion: Which plan has 50 GB?",
    "Write a short poem about winter.",
    "Explain what a refund policy is.",
]


def test_same_text_again_and_in_company(ask):
    def answer(prompt):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        return ask(messages, seed=1, max_tokens=40).choices[0].message.content

    alone = {prompt: answer(prompt) for prompt in PROMPTS}
    assert len(set(alone.values())) > 3
    # Another order: other prefixes lie in the cache now.
    assert {prompt: answer(prompt) for prompt in reversed(PROMPTS)} == alone
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(answer, PROMPTS * 2))
    assert together == [alone[prompt] for prompt in PROMPTS * 2]
