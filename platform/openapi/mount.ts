import { createHash } from "node:crypto";
import { z } from "zod";
import type { RestApp } from "../rest.ts";
import { type Documentation, openApi } from "./document.ts";
import { docsPage, POLICY } from "./page.ts";
import { routesOf } from "./routes.ts";

/** The contract's own version: that of its paths. */
const VERSION = "1.0.0";

/**
 * `GET /openapi.json`: the OpenAPI document of what is mounted on the app, when it is first asked for.
 * `GET /docs`: the same for people, as a page that needs nothing else, not even scripts.
 */
export function mountDocs<Services>(
  app: RestApp<Services>,
  documentation: Documentation,
  bindings: Parameters<typeof openApi>[3],
): void {
  const routes = routesOf(app);
  routes.plain.push(
    {
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "This document",
      answers: {
        200: {
          description: "OpenAPI 3.1.",
          type: "application/json",
          schema: z.looseObject({ openapi: z.string() }),
        },
      },
    },
    {
      path: "/docs",
      operationId: "getDocs",
      summary: "This document as a page",
      answers: { 200: { description: "A page.", type: "text/html" } },
    },
  );
  const document = once(() => openApi(documentation, VERSION, routes, bindings));
  const serve = (path: string, type: string, render: () => string, headers = {}) => {
    const rendered = once(() => {
      const text = render();
      const hash = createHash("sha256").update(text).digest("base64url");
      return { text, etag: `"${hash}"` };
    });
    app.get(path, (c) => {
      const { text, etag } = rendered();
      const caching = { etag, "cache-control": "no-cache", vary: "Origin", ...headers };
      if (c.req.header("if-none-match") === etag) return c.body(null, 304, caching);
      return c.body(text, 200, { ...caching, "content-type": `${type}; charset=utf-8` });
    });
  };
  serve("/openapi.json", "application/json", () => JSON.stringify(document()));
  serve("/docs", "text/html", () => docsPage(document(), documentation.errorCodes), {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
