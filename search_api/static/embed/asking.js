import { link } from "./elements.js";

/** Where Qui sait ? is: this module came from there. */
const HOME = new URL("../", import.meta.url);
const MOST_MS = 15_000;

/** A link to Qui sait ? itself, with the question. */
export function page(q, text = "Ouvrir Qui sait\u202f?") {
  return link(new URL(`?${new URLSearchParams({ q })}`, HOME).href, text);
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
  if (status !== 401) return new Refusal(`${problem.title ?? "La demande n’a pas pu aboutir."} `, page(q));
  return new Refusal(page(q, "Connectez-vous à Qui sait\u202f?"), ", puis revenez à cette page.");
}

/** A browser tells no script which of the two it was. */
function unreachable(q) {
  const why = "Qui sait\u202f? ne répond pas, ou votre navigateur ne permet pas à cette page de l’interroger. ";
  return new Refusal(why, page(q));
}
