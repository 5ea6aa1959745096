import { link } from "./elements.js";
import { words } from "./words.js";

/** Where Qui sait ? is: this module came from there. */
const HOME = new URL("../", import.meta.url);
const MOST_MS = 15_000;
const to = (path, text) => link(new URL(path, HOME).href, text);

/** A link to Qui sait ? itself, with the question. */
export function page(q, text = words.open) {
  return to(`?${new URLSearchParams({ q })}`, text);
}

/** Links to where one asks, and to open questions; none where nobody is asked. */
export function askingPage(q) {
  if (!words.ask) return [];
  return [to(`questions/new?${new URLSearchParams({ q })}`, words.ask), to("questions", words.questions)];
}

/** The page of an agent in Qui sait ?, for the question that they are shown for. */
export function agentPage(id, q) {
  return opened(`/agents/${encodeURIComponent(id)}?${new URLSearchParams({ q })}`);
}

/** The page of Qui sait ? at a path that the API gave. */
export function opened(path) {
  return new URL(path.slice(1), HOME).href;
}

/** Why there is no answer, for the reader: texts and a way out. */
export class Refusal extends Error {
  constructor(...parts) {
    super("no answer");
    this.parts = parts;
  }
}

/** The API's answer under the reader's session. Throws a `Refusal` where there is none. */
export async function ask(what, parameters, asking) {
  const address = new URL(`api/v1/${what}?${new URLSearchParams(parameters)}`, HOME);
  const late = setTimeout(() => asking.abort(), MOST_MS);
  try {
    const response = await fetch(address, { credentials: "include", signal: asking.signal });
    if (response.ok) return await response.json();
    throw refused(response.status, await response.json().catch(() => ({})), parameters.q);
  } catch (error) {
    throw error instanceof Refusal ? error : unreachable(parameters.q);
  } finally {
    clearTimeout(late);
  }
}

function refused(status, problem, q) {
  if (status !== 401) return new Refusal(`${problem.title ?? words.failed} `, page(q));
  const [before, after] = words.sign_on_first.split("{link}");
  return new Refusal(before, page(q, words.sign_on), after);
}

/** A browser tells no script which of the two it was. */
function unreachable(q) {
  return new Refusal(`${words.unreachable} `, page(q));
}
