import type { DescMethod } from "@bufbuild/protobuf";
import type { z } from "zod";
import { type Examples, exampleOf } from "./example.ts";
import type { DocumentedResponse, MediaType } from "./parts.ts";
import { header } from "./problems.ts";
import { propertiesOf } from "./requests.ts";
import type { DescribedRoute } from "./routes.ts";
import { type Components, explained, type JsonSchema, jsonSchema } from "./schema.ts";

/** The answers of an operation that did what it was asked for, by status. */
export function successes(
  { status, answer, located, moves }: DescribedRoute,
  method: DescMethod | undefined,
  takesKey: boolean,
  components: Components,
  examples: Examples,
): Record<string, DocumentedResponse> {
  const headers = {
    "X-Request-Id": header("RequestId"),
    ...(takesKey && { "Idempotency-Replayed": header("IdempotencyReplayed") }),
  };
  if (answer.kind === "file") {
    const content = { [typeOf(answer.type)]: { schema: { type: "string" } } };
    return { 200: { description: "The file, as it comes.", headers, content } };
  }
  if (answer.kind === "events") {
    const { schema } = json(answer.schema, method, components, examples);
    const events = { type: "string", description: "Server-sent events; the data of each is JSON." };
    return {
      200: {
        description: "The events, as they happen.",
        headers,
        content: { "text/event-stream": { schema: { ...events, "x-event-data": schema } } },
      },
      204: { description: "There are no more events.", headers },
    };
  }
  const { nothing, something } = possible(answer.schema);
  const raw = jsonSchema(answer.schema, "output");
  return {
    ...(something && {
      [status ?? 200]: {
        description:
          status === 201 ? "It is made." : status === 202 ? "It is begun." : "The answer.",
        headers: {
          ...headers,
          ...(located && { Location: header("Location") }),
          ...(has(raw, "version") && { ETag: header("ETag") }),
        },
        content: {
          "application/json": json(answer.schema, method, components, examples),
        },
      },
    }),
    ...(nothing && { 204: { description: "There is nothing to say: it is done.", headers } }),
    ...(moves && {
      301: {
        description: "It became part of another one.",
        headers: { ...headers, Location: header("Location") },
      },
    }),
  };
}

function json(
  schema: z.ZodType,
  method: DescMethod | undefined,
  components: Components,
  examples: Examples,
): MediaType {
  const plainSchema = jsonSchema(schema, "output");
  return {
    schema: explained(plainSchema, method?.output, components),
    example: exampleOf(plainSchema, examples),
  };
}

/** Whether an answer can be none, and whether it can be one. */
function possible(schema: z.ZodType) {
  const nothing = schema.safeParse(undefined).success || schema.safeParse(null).success;
  const { type } = schema.def;
  return { nothing, something: !["void", "undefined", "null"].includes(type) };
}

/** Whether an object, or one of its alternatives, has a property. */
export function has({ properties, anyOf = [] }: JsonSchema, name: string): boolean {
  return properties !== undefined ? name in properties : anyOf.some((each) => has(each, name));
}

/** The failures that an operation may answer with, by what it takes and does. */
export function failures(
  { operation, path, body, uploads, conditional }: DescribedRoute,
  takesKey: boolean,
  input: JsonSchema,
): Record<string, DocumentedResponse> {
  const named = Object.keys(propertiesOf(input)).some((name) => /^(id|\w+Ids?)$/.test(name));
  const sends = body !== undefined || uploads !== undefined;
  const statuses = [
    400,
    401,
    ...(operation.access === "anyone" ? [] : [403]),
    ...(named || path.includes(":") || sends ? [404] : []),
    ...(takesKey || sends ? [409] : []),
    ...(conditional ? [412] : []),
    ...(sends ? [413, 415] : []),
    ...(takesKey || sends ? [422] : []),
    ...[429, 500, 503, 504],
  ];
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
  );
}

/** The media type alone, without its parameters. */
export function typeOf(contentType: string): string {
  return contentType.split(";")[0] ?? contentType;
}
