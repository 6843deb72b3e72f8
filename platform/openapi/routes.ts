import type { z } from "zod";
import type { Access } from "../admission.ts";

/** What answers a route, as far as its document must know. */
export interface DescribedOperation {
  readonly name: string;
  readonly access: Access | "anyone";
  readonly input: z.ZodType;
  /** Said only of what anybody may call: all else that changes something does. */
  readonly takesKey?: boolean;
}

/** A route as it was mounted. */
export interface DescribedRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Hono's pattern. */
  readonly path: string;
  readonly operation: DescribedOperation;
  /** The field of the input that the JSON body is, or `true` if the body's fields are the input's. */
  readonly body?: string | true | undefined;
  /** Of a body that is a content: its media types, and the charsets in which it can be. */
  readonly uploads?: { readonly types: readonly string[]; readonly charsets: readonly string[] };
  /** Honours If-Match. */
  readonly conditional: boolean;
  /** Of a success. */
  readonly status?: 201 | 202 | undefined;
  readonly answer:
    | { readonly kind: "json"; readonly schema: z.ZodType }
    | { readonly kind: "events"; readonly schema: z.ZodType }
    | { readonly kind: "file"; readonly type: string };
  /** Says where what was made is. */
  readonly located: boolean;
  /** May send the client elsewhere, by 301. */
  readonly moves: boolean;
}

/** A route that is no operation, and that anybody may call: it says itself what it is. */
export interface PlainRoute {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  /** By status: what it means, and the answer's type. */
  readonly answers: Readonly<Record<number, PlainAnswer>>;
}

interface PlainAnswer {
  readonly description: string;
  readonly type: string;
  /** Of JSON. */
  readonly schema?: z.ZodType;
}

interface Routes {
  readonly operations: DescribedRoute[];
  readonly plain: PlainRoute[];
}

const described = new WeakMap<object, Routes>();

/** What was mounted on an app, as it was told. */
export function routesOf(app: object): Routes {
  const routes = described.get(app) ?? { operations: [], plain: [] };
  described.set(app, routes);
  return routes;
}
