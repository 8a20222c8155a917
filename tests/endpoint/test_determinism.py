"""The same request gives the same text: repeated, from the cache, and beside other requests."""

from concurrent.futures import ThreadPoolExecutor

SYSTEM = "You are a support agent. Answer briefly and name the plan. "
DOCUMENT = (
    "The Team plan costs 12 euros a month and has 50 GB. The Business plan costs 30 euros. " * 4
)
PROMPTS = [
    "Tell me about the sea.",
    "How do I reset my password?",
    f"Context: {DOCUMENT}\nQuestion: What does the Team plan cost?",
    f"Context: {DOCUMENT}\nQuestion: Which plan has 50 GB?",
    "Explain what a refund policy is.",
]


def test_same_text_again_and_in_company(ask):
    def answer(prompt):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
        completion = ask(messages, seed=1, max_tokens=20, logprobs=True)
        # Log-probabilities too: they move before a word does.
        return [(token.token, token.logprob) for token in completion.choices[0].logprobs.content]

    def without_seed(prompt):
        return ask(prompt, max_tokens=30).usage

    alone = {prompt: answer(prompt) for prompt in PROMPTS}
    # Another order: other beginnings lie in the cache now.
    assert {prompt: answer(prompt) for prompt in reversed(PROMPTS)} == alone
    with ThreadPoolExecutor(4) as pool:
        company = [pool.submit(without_seed, prompt) for prompt in PROMPTS]
        together = list(pool.map(answer, PROMPTS))
    assert together == [alone[prompt] for prompt in PROMPTS]
    assert all(other.result().completion_tokens for other in company)


def test_the_price_of_a_seed_is_the_cache(ask):
    prompt = "Tell me about rivers, lakes and the sea."
    ask(prompt)
    assert ask(prompt, seed=1).usage.prompt_tokens_details.cached_tokens == 0
    assert ask(prompt).usage.prompt_tokens_details.cached_tokens > 0
