import type { JsonObject } from "@bufbuild/protobuf";
import {
  createInteraction,
  deleteInteraction,
  getInteraction,
  listInteractions,
  updateInteraction,
} from "../../../tools/testing/api/interactions.ts";
import {
  type Case,
  describeForEveryClient,
  forbidden,
  invalid,
  malformed,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();
const DAY = 86_400_000;

const fromNow = (ms: number): string => new Date(Date.now() + ms).toISOString();

function refused(name: string, interaction: JsonObject, ...fields: string[]): Case {
  return {
    name: `refuses ${name}`,
    operation: createInteraction,
    input: { interaction: { type: "call", ...interaction } },
    expected: { refusal: invalid(...fields) },
  };
}

const cases: readonly Case[] = [
  ...(
    [
      [createInteraction, { interaction: { type: "note" } }],
      [getInteraction, { id: NOBODYS_ID }],
      [listInteractions, {}],
      [updateInteraction, { id: NOBODYS_ID, interaction: { subject: "S" } }],
      [deleteInteraction, { id: NOBODYS_ID }],
    ] as const
  ).map(
    ([operation, input]): Case => ({
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input,
      expected: { refusal: unauthenticated },
    }),
  ),
  ...(["sales", "marketing"] as const).map(
    (as): Case => ({
      name: `${as} may not delete, whether or not it is there`,
      as,
      operation: deleteInteraction,
      input: { id: NOBODYS_ID },
      expected: { refusal: forbidden },
    }),
  ),
  {
    name: "keeps all that it is given",
    operation: createInteraction,
    input: {
      interaction: {
        type: "email",
        direction: "inbound",
        subject: " Offer ",
        body: "Dear all",
        occurredAt: "2026-01-31T10:00:00.123+01:00",
        durationSeconds: 5,
        outcome: "replied",
        metadata: { messageId: "<1@x>", size: 12.5, to: ["a", "b"], seen: true },
        participant: { name: "Zoë", email: "ZOE@Nobody.example", phone: "+49 731 123456" },
      },
    },
    expected: {
      value: {
        type: "email",
        direction: "inbound",
        contactId: null,
        subject: "Offer",
        body: "Dear all",
        occurredAt: "2026-01-31T09:00:00.123Z",
        durationSeconds: 5,
        outcome: "replied",
        metadata: { messageId: "<1@x>", size: 12.5, to: ["a", "b"], seen: true },
        participant: { name: "Zoë", email: "zoe@nobody.example", phone: "+49731123456" },
        missing: ["contactId"],
        review: { status: "pending", assignedTo: null, claimedBy: null },
        version: 1,
      },
    },
  },
  {
    name: "keeps a participant's number that is none",
    operation: createInteraction,
    input: { interaction: { type: "sms", participant: { phone: "anonymous" } } },
    expected: { value: { participant: { name: null, email: null, phone: "anonymous" } } },
  },
  {
    name: "takes a task that is due in four years",
    operation: createInteraction,
    input: { interaction: { type: "task", occurredAt: fromNow(4 * 365 * DAY) } },
    expected: { value: { outcome: "open" } },
  },
  refused("a type that there is not", { type: "fax" }, "type invalid_value"),
  refused("an outcome of another type", { outcome: "held" }, "outcome not_offered"),
  refused("a direction that there is not", { direction: "up" }, "direction invalid_value"),
  refused("the day after tomorrow", { occurredAt: fromNow(2 * DAY) }, "occurredAt too_late"),
  refused("1969", { occurredAt: "1969-12-31T00:00:00Z" }, "occurredAt too_early"),
  refused("a negative duration", { durationSeconds: -1 }, "durationSeconds too_small"),
  refused("more than a week", { durationSeconds: 604_801 }, "durationSeconds too_big"),
  refused("an empty subject", { subject: " " }, "subject too_small"),
  refused("a subject of 301 characters", { subject: "x".repeat(301) }, "subject too_big"),
  refused("a body of 50,001", { body: "x".repeat(50_001) }, "body too_big"),
  refused(
    "an address that is none",
    { participant: { email: "x" } },
    "participant.email invalid_format",
  ),
  refused(
    "deep metadata",
    { metadata: { a: { b: { c: { d: { e: {} } } } } } },
    "metadata too_deep",
  ),
  refused("large metadata", { metadata: { a: "x".repeat(17_000) } }, "metadata too_big"),
  refused(
    "metadata with many keys",
    { metadata: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`k${at}`, at])) },
    "metadata too_many_keys",
  ),
  refused("NUL in metadata", { metadata: { a: "\0" } }, "metadata.a nul"),
  refused(
    "several faults at once",
    { outcome: "held", occurredAt: "1960-01-01T00:00:00Z" },
    "outcome not_offered",
    "occurredAt too_early",
  ),
  {
    ...refused(
      "a time without a zone",
      { occurredAt: "2026-01-01T00:00:00" },
      "occurredAt invalid_format",
    ),
    // A message has no such times.
    over: "REST",
  },
  {
    ...refused(
      "who and when, which are the service's",
      { userId: NOBODYS_ID },
      "userId unknown_field",
    ),
    over: "REST",
  },
  {
    name: "refuses an interaction without a type",
    operation: createInteraction,
    input: { interaction: { subject: "S" } },
    expected: { refusal: invalid("type required") },
  },
  {
    name: "refuses a contact that is not there",
    operation: createInteraction,
    input: { interaction: { type: "call", contactId: NOBODYS_ID } },
    expected: { refusal: notFound },
  },
  {
    name: "refuses an id that is no UUID",
    operation: getInteraction,
    input: { id: "1" },
    expected: { refusal: malformed("id invalid_format") },
  },
  {
    name: "refuses a filter that makes no sense",
    operation: listInteractions,
    input: { type: "fax", userId: "you", outcome: "well", direction: "up" },
    expected: {
      refusal: malformed(
        "type invalid_value",
        "userId invalid_format",
        "outcome invalid_value",
        "direction invalid_value",
      ),
    },
  },
  {
    name: "finds nothing at the end of time",
    operation: listInteractions,
    input: { from: "9999-12-31T23:59:59.999Z" },
    expected: { value: { items: [], nextCursor: null } },
  },
  {
    name: "refuses a period that ends before it begins",
    operation: listInteractions,
    input: { from: "2026-02-01T00:00:00Z", to: "2026-01-01T00:00:00Z" },
    expected: { refusal: malformed("to too_small") },
  },
];

await describeForEveryClient(await startServices(), (world) => testCases(world, cases));
