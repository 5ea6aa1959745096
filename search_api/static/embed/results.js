import { askingPage, opened, page } from "./asking.js";
import { link, make } from "./elements.js";
import { counted, words } from "./words.js";

const EXCERPT = 240;
const BEFORE = 60;
const DAY = new Intl.DateTimeFormat("fr-FR", { dateStyle: "long" });

/** [what is said, what is found], for an answer of the API to the question `q`. */
export function results({ total, worded, answered, documents, people, services, incomplete, shortened }, q) {
  // Nothing is counted where the question is narrowed to a person: the total is null.
  const some = total === null && documents.length ? words.of_a_person : words.none;
  const said = [total ? counted(words.documents, total) : some];
  if (worded < total) said.push(` ${counted(words.worded, worded)}`);
  if (incomplete.length) said.push(` ${words.partial}`);
  if (shortened) said.push(` ${words.shortened}`);
  const more = page(q, words.all);
  const named = [...people.map(person), ...services.map(service)].map((line) => make("p", { class: "about" }, line));
  return [said, [...named, make("ol", {}, ...(answered ? documents : []).map(item)), make("p", {}, more), ...askingPage(q).map((one) => make("p", {}, one))]];
}

function person({ agent: { name, email, post } }) {
  return [name, post.metier, post.office, post.departement?.name, email].filter(Boolean).join(" · ");
}

function service({ name, people }) {
  return `${name}${words.colon}${people.map((agent) => agent.name).join(", ")}`;
}

function item(one) {
  const language = one.language && one.language !== "fr" ? { lang: one.language } : {};
  const parts = [make("p", { class: "title", ...language }, link(opened(one.page), one.title || words.untitled))];
  parts.push(make("p", { class: "about" }, about(one)));
  if (!one.valid) parts.push(make("p", { class: "past" }, words.not_in_force));
  if (one.passage) parts.push(make("p", { class: "passage", ...language }, ...excerpt(one.passage)));
  return make("li", {}, ...parts);
}

/** Whose words the passage is, where somebody's: else who wrote first. */
function about({ kind, modified, created, source, passage, authors }) {
  const day = modified ?? created;
  const who = passage?.author ?? authors[0];
  const post = [who?.post?.metier, who?.post?.departement?.name].filter(Boolean).join(", ");
  const author = who && `${who.name}${post ? ` (${post})` : ""}`;
  return [kind, day && DAY.format(new Date(day)), source, author].filter(Boolean).join(" · ");
}

/** The words around the first that answers; offsets count characters, as Python does. */
function excerpt({ text, highlights }) {
  const characters = [...text];
  const piece = (from, to) => characters.slice(from, to).join("");
  const start = Math.max(0, Math.min((highlights[0]?.[0] ?? 0) - BEFORE, characters.length - EXCERPT));
  const end = Math.min(characters.length, start + EXCERPT);
  const parts = start ? ["…"] : [];
  let at = start;
  for (const [first, last] of highlights) {
    if (first < at || last > end) continue;
    parts.push(piece(at, first), make("mark", {}, piece(first, last)));
    at = last;
  }
  return [...parts, piece(at, end), ...(end < characters.length ? ["…"] : [])];
}
