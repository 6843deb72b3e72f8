import type { Documentation } from "@crm/platform/openapi/document";
import { ERROR_CODES } from "./error-codes.gen.ts";

/** What the documents of crm-svc say besides its routes. */
export const documentation: Documentation = {
  title: "crm-svc",
  description: `Whom a company knows: contacts, interactions, leads, customers.

Credentials come from user-svc: an access token or an API key as \`Authorization: Bearer …\`. Lists come in pages: hand \`nextCursor\` back as \`cursor\` until it is null. A change can be bound to a version by \`If-Match\`, and a request be sent again under its \`Idempotency-Key\`. The same operations are served by Connect, gRPC-Web and gRPC on the same port.`,
  errorCodes: ERROR_CODES,
  examples: {
    firstName: "Ada",
    lastName: "Lovelace",
    email: "ada@lovelace.example",
    phone: "+49 731 123456",
    company: "Analytical Engines",
    title: "Director",
    website: "https://lovelace.example",
    street: "12 St James's Square",
    city: "London",
    region: "Greater London",
    postalCode: "SW1Y 4JH",
    country: "GB",
    countries: ["GB"],
    tags: ["vip"],
    source: "fair",
    custom: { contractEnd: "2026-12-31" },
    metadata: { campaign: "spring" },
    subject: "First call",
    body: "She asked for an offer.",
    name: "contractEnd",
    label: "Contract ends",
    type: "date",
    amount: "1234.50",
    fullValue: "10000",
    minValue: "100.00",
    maxValue: "100000.00",
    currency: "EUR",
    expectedCloseAt: "2026-06-30",
    timeZone: "Europe/Berlin",
    q: "ada",
  },
};
