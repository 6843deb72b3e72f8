import type { Documentation } from "@crm/platform/openapi/document";
import { ERROR_CODES } from "./error-codes.gen.ts";

/** What the documents of user-svc say besides its routes. */
export const documentation: Documentation = {
  title: "user-svc",
  description: `Who somebody is and what they may do: companies, users, sessions, roles, API keys.

Sign up or log in for an access token, and send it, or an API key, as \`Authorization: Bearer …\`. Lists come in pages: hand \`nextCursor\` back as \`cursor\` until it is null. A change can be bound to a version by \`If-Match\`, and a request be sent again under its \`Idempotency-Key\`. The same operations are served by Connect, gRPC-Web and gRPC on the same port.`,
  errorCodes: ERROR_CODES,
  examples: {
    email: "ada@lovelace.example",
    fullName: "Ada Lovelace",
    password: "tin-orbit-lemon-73",
    newPassword: "amber-quartz-river-58",
    currentPassword: "tin-orbit-lemon-73",
    name: "Analytical Engines",
    slug: "analytical-engines",
    timeZone: "Europe/London",
    country: "GB",
    currency: "GBP",
    code: "123456",
    role: "sales",
    resource: "contacts",
    action: "read",
  },
};
