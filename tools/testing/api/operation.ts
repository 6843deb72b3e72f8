import type {
  DescMessage,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  JsonObject,
  JsonValue,
} from "@bufbuild/protobuf";

/** A request as the REST contract writes it. */
export interface RestRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its parameters filled in, and the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** A body that is no JSON; `headers` say what it is. */
  readonly content?: string;
}

/**
 * An operation as clients know it: how the contract writes the same input over REST and as a message.
 * Values and paths of fields are REST's; the clients bring those of messages to that form.
 */
export interface ApiOperation<Value> {
  readonly service: "user" | "crm";
  readonly method:
    | DescMethodUnary<DescMessage, DescMessage>
    | DescMethodServerStreaming<DescMessage, DescMessage>
    | DescMethodClientStreaming<DescMessage, DescMessage>;
  /** Null where only other services ask. */
  readonly rest: ((input: JsonObject) => RestRequest) | null;
  /** The request message as proto JSON; without it, the input is that. */
  readonly message?: (input: JsonObject) => JsonObject;
  /** Of a client-streaming method, all its messages. */
  readonly messages?: (input: JsonObject) => JsonObject[];
  /**
   * What a stream of answers is: the text of a file, whose bytes are the messages' `chunk`s, or events,
   * which make a list.
   */
  readonly stream?: "file" | "events";
  /** What REST answers, of the response message's fields; without it, all of them. */
  readonly answer?: (fields: JsonObject) => unknown;
  /** The message's field that is REST's body: `email` there is `contact.email` here. */
  readonly body?: string;
  /** Throws if a value has not exactly the fields of the contract. */
  readonly value: { parse(raw: unknown): Value };
}

/**
 * `/v1/contacts?limit=2`, without the parameters that are undefined. A list repeats its parameter, an
 * object's fields are `custom.size`.
 */
export function withQuery(path: string, parameters: JsonObject): string {
  const query = new URLSearchParams(Object.entries(parameters).flatMap(pairsOf));
  return query.size === 0 ? path : `${path}?${query}`;
}

function pairsOf([name, value]: [string, JsonValue | undefined]): [string, string][] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map((item) => [name, String(item)]);
  if (typeof value !== "object" || value === null) return [[name, String(value)]];
  return Object.entries(value).flatMap(([inner, item]) => pairsOf([`${name}.${inner}`, item]));
}

/** The value of an operation that answers nothing: 204, an empty message. */
export const nothing = {
  parse(raw: unknown): null {
    if (raw !== null) throw new Error(`no answer was expected, but ${JSON.stringify(raw)} came`);
    return null;
  },
};

/** Headers that make a change on this version only, if one is given. */
export function ifMatch(version: JsonValue | undefined): Record<string, string> {
  return version === undefined ? {} : { "if-match": `"${version}"` };
}
