import { createHash } from "node:crypto";
import { FAILURES } from "../errors.ts";
import type { OpenApi } from "./document.ts";
import type { DocumentedOperation, DocumentedResponse, Parameter } from "./parts.ts";
import type { ErrorCode } from "./problems.ts";
import type { JsonSchema } from "./schema.ts";

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #3a3f47); --soft: light-dark(#f5f6f8, #1f2329);
  --muted: light-dark(#566070, #a3adbb); --link: light-dark(#0b57d0, #8ab4f8); }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fff, #16191d);
  color: light-dark(#1b1f24, #e6e9ee); display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line);
  background: var(--soft); font-size: 14px; }
nav a { display: block; padding: .1rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover, nav a:focus-visible { color: var(--link); text-decoration: underline; }
nav h2 { font-size: 13px; margin: 1rem 0 .2rem; color: var(--muted); border: 0; padding: 0; }
main { padding: 1.5rem clamp(1rem, 4vw, 3rem) 6rem; max-width: 62rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
h4 { margin: 1.1rem 0 .35rem; font-size: .95rem; }
a { color: var(--link); }
p { margin: .4rem 0; }
code, pre { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .7rem; overflow: auto;
  max-height: 26rem; margin: .4rem 0; }
code { overflow-wrap: anywhere; }
details.operation { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; }
details.operation > summary { display: flex; flex-wrap: wrap; gap: .15rem .7rem; align-items: baseline; padding: .5rem .8rem;
  cursor: pointer; list-style: none; }
details.operation > summary::-webkit-details-marker { display: none; }
details.operation[open] > summary { border-bottom: 1px solid var(--line); }
details.operation > div { padding: .3rem .9rem 1rem; }
summary:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
:target { scroll-margin-top: 1rem; outline: 2px solid var(--link); }
.method { font: 600 12px/1.6 ui-monospace, monospace; min-width: 3.6rem; text-align: center; border-radius: 4px;
  color: #fff; padding: 0 .35rem; background: #5f6773; }
.get { background: #0b6bcb; } .post { background: #15803d; } .put, .patch { background: #a15c07; } .delete { background: #c02626; }
.path { font-weight: 600; }
.says { color: var(--muted); flex: 1 1 18rem; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-top: 1px solid var(--line); }
th { color: var(--muted); font-weight: 500; }
td:first-child { white-space: nowrap; }
.muted { color: var(--muted); }
.required::after { content: " required"; color: light-dark(#b3261e, #f2a19b); font: 12px system-ui, sans-serif; }
@media (max-width: 48rem) {
  body { display: block; }
  nav { position: static; height: auto; max-height: 40vh; border-right: 0; border-bottom: 1px solid var(--line); }
  td:first-child { white-space: normal; }
}
`;

const styleHash = createHash("sha256").update(STYLE).digest("base64");

/** The page's content security policy: it may load nothing, and run nothing. */
export const POLICY = `default-src 'none'; img-src data:; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/**
 * The document as one page of HTML: every operation has its id for an anchor, and so has every code of
 * a failure, to which a problem's `type` leads.
 */
export function docsPage(document: OpenApi, codes: readonly ErrorCode[]): string {
  const { info, tags, components } = document;
  const { title, version, description } = info;
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })),
  );
  const sections = tags.map(({ name }) => ({
    name,
    operations: operations.filter((operation) => operation.tags.includes(name)),
  }));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<nav aria-label="Operations">
<a href="#top"><strong>${escaped(title)}</strong></a>
${sections
  .map(
    (section) =>
      `<h2>${escaped(section.name)}</h2>${section.operations
        .map(({ operationId }) => `<a href="#${escaped(operationId)}">${escaped(operationId)}</a>`)
        .join("\n")}`,
  )
  .join("\n")}
<h2>failures</h2>
<a href="#failures">All codes</a>
</nav>
<main id="top">
<h1>${escaped(title)} <span class="muted">${escaped(version)}</span></h1>
${prose(description)}
<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${sections
  .map(
    (section) =>
      `<h2>${escaped(section.name)}</h2>${section.operations.map((each) => operationHtml(each, components)).join("\n")}`,
  )
  .join("\n")}
${failuresHtml(codes)}
</main>
</body>
</html>
`;
}

type Shown = DocumentedOperation & { readonly path: string; readonly method: string };

function operationHtml(operation: Shown, components: OpenApi["components"]): string {
  const { operationId, path, method, summary, description, requestBody } = operation;
  return `<details class="operation" id="${escaped(operationId)}">
<summary><span class="method ${method}">${method.toUpperCase()}</span><code class="path">${escaped(path)}</code><span class="says">${code(summary)}</span></summary>
<div>
${prose(description)}
${parametersHtml(operation.parameters)}
${requestBody ? `<h4>Body</h4>${contentHtml(requestBody.content, components)}` : ""}
<h4>Call</h4>
<pre><code>${escaped(curl(operation))}</code></pre>
<h4>Answers</h4>
${Object.entries(operation.responses)
  .map(([status, response]) => responseHtml(status, response, components))
  .join("\n")}
</div>
</details>`;
}

function parametersHtml(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(
    ({ name, in: place, required, description, schema }) =>
      `<tr><td><code${required ? ' class="required"' : ""}>${escaped(name)}</code></td><td class="muted">${place}</td><td><span class="muted">${escaped(typeText(schema))}</span> ${code(description)}</td></tr>`,
  );
  return `<h4>Parameters</h4><table>${rows.join("")}</table>`;
}

function contentHtml(
  content: NonNullable<DocumentedResponse["content"]>,
  components: OpenApi["components"],
): string {
  return Object.entries(content)
    .map(([type, { schema, example }]) => {
      const fields = fieldsHtml(schema["x-event-data"] ?? schema, components);
      const shown =
        example === undefined
          ? ""
          : `<pre><code>${escaped(JSON.stringify(example, null, 2))}</code></pre>`;
      return `<p class="muted"><code>${escaped(type)}</code></p>${fields}${shown}`;
    })
    .join("\n");
}

/** A table of an object's fields, those of objects within it under their paths. */
function fieldsHtml(schema: unknown, components: OpenApi["components"]): string {
  const rows = fieldsOf(schema, components, "", 0).map(
    ([path, field, required]) =>
      `<tr><td><code${required ? ' class="required"' : ""}>${escaped(path)}</code></td><td><span class="muted">${escaped(typeText(field))}</span> ${code(field.description ?? "")}</td></tr>`,
  );
  return rows.length === 0
    ? ""
    : `<details><summary>${rows.length} fields</summary><table>${rows.join("")}</table></details>`;
}

const MAX_DEPTH = 4;

function fieldsOf(
  schema: unknown,
  components: OpenApi["components"],
  prefix: string,
  depth: number,
): [string, JsonSchema, boolean][] {
  // Only schemas of the document come here.
  const { properties, required = [] } = objectOf(schema as JsonSchema, components) ?? {};
  return Object.entries(properties ?? {}).flatMap(([name, field]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const list = itemsOf(field);
    const inner =
      depth < MAX_DEPTH
        ? fieldsOf(list ?? field, components, list ? `${path}[]` : path, depth + 1)
        : [];
    return [[path, field, required.includes(name)] as [string, JsonSchema, boolean], ...inner];
  });
}

function itemsOf({ items, anyOf = [] }: JsonSchema): JsonSchema | undefined {
  return items ?? anyOf.find((each) => each.items)?.items;
}

function objectOf(schema: JsonSchema, components: OpenApi["components"]): JsonSchema | undefined {
  const { $ref, properties } = schema;
  const anyOf = schema.anyOf ?? schema.oneOf;
  if ($ref) return components.schemas[$ref.split("/").at(-1) ?? ""];
  if (properties) return schema;
  return anyOf?.map((each) => objectOf(each, components)).find((each) => each?.properties);
}

function responseHtml(
  status: string,
  response: DocumentedResponse,
  components: OpenApi["components"],
): string {
  const { $ref } = response;
  if ($ref) {
    return `<p><strong>${status}</strong> <a href="#status-${status}">${escaped(titleOf(Number(status)))}</a></p>`;
  }
  const headers = Object.keys(response.headers ?? {});
  return `<p><strong>${status}</strong> ${code(response.description ?? "")} <span class="muted">Headers: ${headers.map((name) => `<code>${escaped(name)}</code>`).join(", ")}</span></p>
${contentHtml(response.content ?? {}, components)}`;
}

function failuresHtml(codes: readonly ErrorCode[]): string {
  const statuses = [...new Set(Object.values(FAILURES).map(({ status }) => status))];
  const parts = statuses.map((status) => {
    const rows = codes
      .filter(({ kind }) => FAILURES[kind].status === status)
      .map(
        ({ code: name, kind, message }) =>
          `<tr id="${escaped(name)}"><td><code>${escaped(name)}</code></td><td>${code(message ?? FAILURES[kind].title)}</td></tr>`,
      );
    return rows.length === 0
      ? ""
      : `<h4 id="status-${status}">${status} ${escaped(titleOf(status))}</h4><table>${rows.join("")}</table>`;
  });
  return `<h2 id="failures">failures</h2>
<p>Every failure is a problem (RFC 9457) with a stable <code>code</code>.</p>
${parts.join("\n")}`;
}

function titleOf(status: number): string {
  const titles = Object.values(FAILURES).filter((failure) => failure.status === status);
  return [...new Set(titles.map(({ title }) => title))].join(" · ");
}

function curl({ method, path, parameters, requestBody, security }: Shown): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) =>
    String(parameters.find((each) => each.in === "path" && each.name === name)?.example ?? name),
  );
  const query = parameters.filter((each) => each.in === "query" && each.required);
  const search = new URLSearchParams(
    Object.fromEntries(query.map(({ name, example }) => [name, String(example)])),
  );
  const lines = [
    `curl -X ${method.toUpperCase()} "$URL${filled}${query.length > 0 ? `?${search}` : ""}"`,
  ];
  if (security.length > 0) lines.push('-H "Authorization: Bearer $TOKEN"');
  const [type, body] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  if (type !== undefined) lines.push(`-H "Content-Type: ${type}"`);
  if (body?.example !== undefined) {
    lines.push(`-d '${JSON.stringify(body.example).replaceAll("'", "'\\''")}'`);
  } else if (type !== undefined) lines.push("--data-binary @file");
  return lines.join(" \\\n  ");
}

/** A schema in a few words: its type and its limits. */
function typeText(schema: JsonSchema): string {
  const { $ref, anyOf, items, format, minimum, maximum, maxLength, minLength } = schema;
  if ($ref) return $ref.split("/").at(-1) ?? "";
  if (anyOf) return [...new Set(anyOf.map(typeText))].join(" or ");
  if (schema.enum) return schema.enum.map(String).join(" | ");
  if (items) return `list of ${typeText(items)}`;
  const limits = [
    minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER && `from ${minimum}`,
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER && `to ${maximum}`,
    minLength !== undefined && minLength > 1 && `at least ${minLength} characters`,
    maxLength !== undefined && `at most ${maxLength} characters`,
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
  ].filter((each) => each !== false);
  const type = [schema.type ?? "any"].flat();
  const named = format === undefined ? type : [format, ...type.filter((name) => name === "null")];
  return [named.join(" or "), ...limits].join(", ");
}

/** Paragraphs, with code between backticks. */
function prose(text: string): string {
  return text
    .split("\n\n")
    .map((paragraph) => `<p>${code(paragraph)}</p>`)
    .join("\n");
}

function code(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function escaped(text: string): string {
  return Bun.escapeHTML(text);
}
