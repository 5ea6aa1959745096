import { agentPage, askingPage, opened, page } from "./asking.js";
import { link, make } from "./elements.js";
import { counted, words } from "./words.js";

// Before an item of a list within a line.
const ITEM = /(?<=[.;:]) (?=\d\d?[.)] )| (?=[•▪] )/g;
const DAY = new Intl.DateTimeFormat("fr-FR", { dateStyle: "long" });

/** [what is said, what is found], for an answer of the API to the question `q`. */
export function results(answer, q) {
  const { answered, direct_answer: direct } = answer;
  const documents = answered ? answer.documents : [];
  const parts = [make("p", {}, page(q, words.all)), ...askingPage(q).map((one) => make("p", {}, one))];
  parts.unshift(make("ol", {}, ...documents.map((one) => item(one, direct))));
  parts.unshift(...somebody(answer, q).map((line) => make("p", { class: "who" }, ...line)));
  if (direct) parts.unshift(quoted(direct, documents));
  return [told(answer), parts];
}

function told({ total, worded, documents, incomplete, shortened }) {
  // Nothing is counted where the question is narrowed to a person: the total is null.
  const some = total === null && documents.length ? words.of_a_person : words.none;
  const said = [total ? counted(words.documents, total) : some];
  if (worded < total) said.push(` ${counted([words.worded, words.worded], worded)}`);
  if (incomplete.length) said.push(` ${words.partial}`);
  if (shortened) said.push(` ${words.shortened}`);
  return said;
}

function quoted({ quotes, differs, accepted }, documents) {
  const parts = quotes.flatMap(({ text, author, dated, section, document }, number) => {
    const from = documents.find((one) => one.id === document.id);
    const source = from ? link(opened(from.page), document.title || words.untitled) : document.title;
    const about = [`${author.name}${gone(author)}`, dated && DAY.format(new Date(dated)), section].filter(Boolean).join(" · ");
    const older = differs && number ? [make("p", { class: "about" }, words.older)] : [];
    return [...older, make("p", {}, text.replace(ITEM, "\n")), make("p", { class: "about" }, `${about} · `, source)];
  });
  return make("div", { class: "direct" },
    make("p", { class: "about" }, accepted ? words.accepted.replace("{title}", () => quotes[0].document.title || words.untitled) : words.in_force), ...parts);
}

/** The first colleague, else the first service that the question names. */
function somebody({ people, near_subject: near, services }, q) {
  const [first] = [...people, ...near];
  if (!first) return services.slice(0, 1).map(service);
  const { reason, agent: { id, name, email, post } } = first;
  const label = { near_subject: words.near, named: words.named }[reason] ?? words.knows;
  const known = [post.metier, post.office, post.departement?.name, email].filter(Boolean);
  return [[`${label} `, link(agentPage(id, q), name), ...known.map((text) => ` · ${text}`)]];
}

function service({ name, people }) {
  return [`${name}${words.colon}${people.map((agent) => agent.name).join(", ")}`];
}

function item(one, direct) {
  const language = one.language && one.language !== "fr" ? { lang: one.language } : {};
  const parts = [make("p", { class: "title", ...language }, link(opened(one.page), one.title || words.untitled))];
  parts.push(make("p", { class: "about" }, about(one)));
  if (!one.valid) parts.push(make("p", { class: "past" }, words.not_in_force));
  // What the direct answer quotes is not said twice.
  const said = direct?.quotes.some(({ text, document }) => document.id === one.id && one.passage?.text.includes(text));
  if (one.passage && !said) parts.push(make("p", { class: "passage", ...language }, ...excerpt(one.passage)));
  return make("li", {}, ...parts);
}

const gone = ({ departed }) => (departed ? `, ${words.departed}` : ""); // after an author's name

/** Where the passage is from, and who wrote it. */
function about({ kind, modified, created, source, passage, authors }) {
  const day = modified ?? created;
  const who = passage?.author ?? authors[0];
  const post = [who?.post?.metier, who?.post?.departement?.name].filter(Boolean).join(", ");
  const author = who && `${who.name}${post ? ` (${post})` : gone(who)}`;
  return [kind, day && DAY.format(new Date(day)), source.replace(/^./, (one) => one.toUpperCase()), author].filter(Boolean).join(" · ");
}

/** The sentences that the API chose, as the results page shows them; offsets count characters, as Python does. */
function excerpt({ text, highlights, excerpt: [start, end] }) {
  const characters = [...text];
  const piece = (from, to) => characters.slice(from, to).join("");
  const parts = piece(0, start).trim() ? ["… "] : [];
  let at = start;
  for (const [first, last] of highlights) {
    if (first < at || last > end) continue;
    parts.push(piece(at, first), make("mark", {}, piece(first, last)));
    at = last;
  }
  return [...parts, piece(at, end), ...(piece(end).trim() ? [" …"] : [])];
}
