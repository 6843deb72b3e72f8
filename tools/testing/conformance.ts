import Ajv2020 from "ajv/dist/2020.js";

/** As much of an answer as a document says something about. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface Documented {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly headers: Readonly<Record<string, DocumentedHeader>> };
}

interface DocumentedOperation {
  readonly responses: Readonly<Record<string, DocumentedResponse & { readonly $ref?: string }>>;
}

interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface DocumentedHeader {
  readonly required: boolean;
}

/** Says what is wrong with answers by an OpenAPI document; nothing, if it is a list without items. */
export type Checker = (method: string, path: string, answer: Answer) => readonly string[];

/** Headers that an answer has only if its document says so. */
const SAID = [
  ...["etag", "location", "retry-after", "ratelimit", "ratelimit-policy"],
  ...["www-authenticate", "idempotency-replayed"],
];

/** Compares answers with a document: their status, headers, media type and body. */
export function checker(document: Documented): Checker {
  // Formats are patterns in our schemas, and zod's patterns are not of the mode `u`.
  const ajv = new Ajv2020({
    ...{ strict: false, allErrors: true, validateFormats: false, unicodeRegExp: false },
    // A document of hundreds of schemas, of which a test uses a few.
    validateSchema: false,
  });
  ajv.addSchema(document, "document");

  function bodyFaults(pointer: string, body: unknown): string[] {
    const validate = ajv.getSchema(`document#${pointer}`);
    if (validate === undefined) throw new Error(`the document has no ${pointer}`);
    if (validate(body) === true) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `body${instancePath}: ${message} ${JSON.stringify(params)}`,
    );
  }

  return (method, path, { status, headers, body }) => {
    const pattern = patternOf(document, method, path.split("?", 1)[0] ?? "");
    if (pattern === undefined) return [`${method} ${path} is not in the document`];
    const verb = method.toLowerCase();
    const listed = document.paths[pattern]?.[verb]?.responses[status];
    if (listed === undefined) return [`the status ${status} is not listed`];
    const pointer =
      listed.$ref?.slice(1) ?? `/paths/${pointed(pattern)}/${verb}/responses/${status}`;
    const response = listed.$ref ? at<DocumentedResponse>(document, pointer) : listed;
    const named = response.headers ?? {};
    const missing = Object.entries(named)
      .filter(([, { $ref }]) => at<DocumentedHeader>(document, $ref.slice(1)).required)
      .filter(([name]) => !headers.has(name));
    const said = new Headers(Object.keys(named).map((name) => [name, ""]));
    const unsaid = SAID.filter((name) => headers.has(name) && !said.has(name));
    const type = headers.get("content-type")?.split(";")[0] ?? "none";
    const types = Object.keys(response.content ?? {});
    const faults = [
      ...missing.map(([name]) => `the header ${name} is missing`),
      ...unsaid.map((name) => `the header ${name} is not listed`),
    ];
    if (types.length === 0) return body === "" ? faults : [...faults, "there should be no body"];
    if (!types.includes(type)) return [...faults, `the body is ${type}`];
    const schema = `${pointer}/content/${pointed(type)}/schema`;
    if (type.endsWith("json")) return [...faults, ...bodyFaults(schema, JSON.parse(body))];
    if (type !== "text/event-stream") return faults;
    // Those that have a name, such as the end, say so.
    const unnamed = body.split("\n\n").filter((event) => event.startsWith("data: "));
    const data = unnamed.map((event): unknown => JSON.parse(event.replace("data: ", "")));
    return [...faults, ...data.flatMap((item) => bodyFaults(`${schema}/x-event-data`, item))];
  };
}

/** The path of the document that a request's path is one of: the one with the fewest parameters. */
function patternOf({ paths }: Documented, method: string, path: string): string | undefined {
  return Object.keys(paths)
    .filter((pattern) => paths[pattern]?.[method.toLowerCase()] !== undefined)
    .filter((pattern) => {
      const expression = pattern.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+");
      return new RegExp(`^${expression}$`).test(path);
    })
    .toSorted((one, other) => one.split("{").length - other.split("{").length)[0];
}

function pointed(segment: string): string {
  return encodeURIComponent(segment.replaceAll("~", "~0").replaceAll("/", "~1"));
}

function at<T>(document: object, pointer: string): T {
  const found = pointer
    .split("/")
    .slice(1)
    .reduce<unknown>(
      (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : {}),
      document,
    );
  // Components of the document are what the references to them say.
  return found as T;
}

const checkers = new Map<string, Promise<Checker>>();

/** Throws if an answer is not as the document says that the service at `origin` serves. */
export async function expectConforming(
  origin: string,
  method: string,
  path: string,
  answer: Answer,
): Promise<void> {
  const known = checkers.get(origin) ?? servedChecker(origin);
  checkers.set(origin, known);
  const faults = (await known)(method, path, answer);
  if (faults.length === 0) return;
  const list = faults.map((fault) => `  ${fault}`).join("\n");
  throw new Error(
    `${method} ${path}: ${answer.status} is not as /openapi.json says:\n${list}\n${answer.body.slice(0, 2_000)}`,
  );
}

async function servedChecker(origin: string): Promise<Checker> {
  try {
    const response = await fetch(`${origin}/openapi.json`);
    // It is what the service serves; a wrong one fails every test.
    return checker((await response.json()) as Documented);
  } catch (error) {
    checkers.delete(origin);
    throw error;
  }
}
