"""How soon a first page can be used on a slow line: `python -m benchmarks.first_page`.

The demo in Chromium with an empty cache, each request held back as on a mobile line (the
profiles «3G» and «3G Fast» of WebPageTest: 1.6 Mbit/s, 300 and 150 ms to and fro). Usable
is when the first text is painted and the scripts have run. Prints the median of some visits
to each page, and fails where the first page of all takes a second or more.
"""

from statistics import median

from playwright.sync_api import Browser

from benchmarks.served_demo import served_demo

PROFILES = {"3G": 300, "3G Fast": 150}
"""Milliseconds that each request waits."""
DOWN_BYTES_S, UP_BYTES_S = 1_600_000 / 8, 768_000 / 8
PATHS = ("/", "/?q=taxe+fonci%C3%A8re", "/experts?q=taxe+fonci%C3%A8re")
VISITS = 7
MOST_MS = 1_000
USABLE = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const page = performance.getEntriesByType("navigation")[0];
  return Math.max(paint ? paint.startTime : Infinity, page.domContentLoadedEventEnd);
}"""


def visit(browser: Browser, address: str, latency_ms: int) -> tuple[float, int]:
    """Milliseconds until usable, and bytes over the line, of one first visit."""
    with browser.new_context(locale="fr-FR") as context:
        page = context.new_page()
        chromium = context.new_cdp_session(page)
        chromium.send("Network.enable")
        chromium.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": latency_ms,
                "downloadThroughput": DOWN_BYTES_S,
                "uploadThroughput": UP_BYTES_S,
            },
        )
        received: list[int] = []
        chromium.on("Network.loadingFinished", lambda e: received.append(e["encodedDataLength"]))
        page.goto(address, wait_until="networkidle")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        return float(page.evaluate(USABLE)), int(sum(received))


def main() -> None:
    """Measure, and fail where the first page is not usable within a second."""
    slow = []
    with served_demo() as demo:
        for profile, latency_ms in PROFILES.items():
            for path in PATHS:
                visits = [
                    visit(demo.browser, demo.quisait + path, latency_ms) for _ in range(VISITS)
                ]
                usable = median(one[0] for one in visits)
                print(
                    f"{profile:8} {path:32} {usable:6.0f} ms   {visits[0][1] / 1000:6.1f} kB",
                    flush=True,
                )
                if path == PATHS[0] and usable >= MOST_MS:
                    slow.append(f"{profile} {path}")
    if slow:
        raise SystemExit(f"A second or more: {', '.join(slow)}")


if __name__ == "__main__":
    main()
