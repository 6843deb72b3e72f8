import { createApiKey, deleteApiKey, listApiKeys } from "../../../tools/testing/api/api-keys.ts";
import {
  type Case,
  describeForEveryClient,
  forbidden,
  invalid,
  malformed,
  notFound,
  testCases,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const inFuture = (ms: number): string => new Date(Date.now() + ms).toISOString();

const refusals: readonly Case[] = [
  {
    name: "a key needs a name and a role",
    operation: createApiKey,
    input: {},
    expected: { refusal: invalid("name required", "role required") },
  },
  {
    name: "a key cannot have ended before it begins",
    operation: createApiKey,
    input: () => ({ name: "late", role: "sales", expiresAt: inFuture(-1_000) }),
    expected: { refusal: invalid("expiresAt not_future") },
  },
  {
    name: "a key's end is a time",
    operation: createApiKey,
    input: { name: "late", role: "sales", expiresAt: "tomorrow" },
    expected: { refusal: invalid("expiresAt invalid_format") },
    over: "REST",
  },
  {
    name: "a key that is not there cannot be revoked",
    operation: deleteApiKey,
    input: { id: Bun.randomUUIDv7() },
    expected: { refusal: notFound },
  },
  {
    name: "a key's id is a UUID",
    operation: deleteApiKey,
    input: { id: "1" },
    expected: { refusal: malformed("id invalid_format") },
    over: "REST",
  },
  ...(["manager", "sales", "marketing"] as const).flatMap((as): Case[] => [
    {
      name: `${as} may not make keys`,
      as,
      operation: createApiKey,
      input: { name: "mine", role: as },
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not list keys`,
      as,
      operation: listApiKeys,
      input: {},
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not revoke keys`,
      as,
      operation: deleteApiKey,
      input: { id: Bun.randomUUIDv7() },
      expected: { refusal: forbidden },
    },
  ]),
];

const services = await startServices();

await describeForEveryClient(services, (world) => testCases(world, refusals));
