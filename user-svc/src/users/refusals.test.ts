import {
  assignRole,
  createUser,
  deleteUser,
  getUser,
  listUsers,
  resetUserPassword,
  updateUser,
} from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  forbidden,
  invalid,
  malformed,
  notFound,
  testCases,
  unauthenticated,
  type World,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";

const emailTaken = {
  kind: "duplicate",
  code: "email_taken",
  fields: ["email taken"],
} as const;
const lastAdmin = { kind: "wrongState", code: "last_admin" } as const;

let people = 0;
const somebody = (change: object = {}) => ({
  email: `person-${++people}@company.example`,
  fullName: "Some Person",
  role: "sales",
  ...change,
});

const strangersId = async (world: World) => ({
  id: (await world.sessionOf("stranger")).user.id,
});

const refusals: readonly Case[] = [
  {
    name: "create refuses a request without anything",
    operation: createUser,
    input: {},
    expected: { refusal: invalid("email required", "fullName required", "role required") },
  },
  {
    name: "create refuses what is no e-mail, name, role or password",
    operation: createUser,
    input: { email: "nobody", fullName: " ", role: "boss", password: "short" },
    expected: {
      refusal: invalid(
        "email invalid_format",
        "fullName too_small",
        "role invalid_value",
        "password too_short",
      ),
    },
  },
  {
    name: "create refuses a password that can be guessed, as sign-up does",
    operation: createUser,
    input: somebody({ password: "password1234" }),
    expected: { refusal: invalid("password too_weak") },
  },
  {
    name: "create refuses an e-mail that is taken, in other letters",
    operation: createUser,
    input: somebody({ email: " Admin@Company.EXAMPLE " }),
    expected: { refusal: emailTaken },
  },
  ...(["manager", "sales", "marketing"] as const).flatMap((as): Case[] => [
    {
      name: `${as} may not add users`,
      as,
      operation: createUser,
      input: somebody(),
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not change users, not even themselves`,
      as,
      operation: updateUser,
      input: async (world) => ({ id: (await world.sessionOf(as)).user.id, fullName: "Boss" }),
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not assign roles`,
      as,
      operation: assignRole,
      input: async (world) => ({ id: (await world.sessionOf(as)).user.id, role: "admin" }),
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not disable users`,
      as,
      operation: deleteUser,
      input: ({ tenant }) => ({ id: tenant.admin.user.id }),
      expected: { refusal: forbidden },
    },
    {
      name: `${as} may not reset passwords`,
      as,
      operation: resetUserPassword,
      input: ({ tenant }) => ({ id: tenant.admin.user.id }),
      expected: { refusal: forbidden },
    },
  ]),
  ...[
    { operation: getUser, rest: {} },
    { operation: updateUser, rest: { fullName: "Taken Over" } },
    { operation: deleteUser, rest: {} },
    { operation: assignRole, rest: { role: "sales" } },
    { operation: resetUserPassword, rest: {} },
  ].flatMap(({ operation, rest }): Case[] => [
    {
      name: `${operation.method.name} knows no user of another tenant's`,
      operation,
      input: async (world) => ({ ...(await strangersId(world)), ...rest }),
      expected: { refusal: notFound },
    },
    {
      name: `${operation.method.name} knows no user who is not there`,
      operation,
      input: { id: Bun.randomUUIDv7(), ...rest },
      expected: { refusal: notFound },
    },
    {
      name: `${operation.method.name} refuses an id that is no UUID`,
      operation,
      input: { id: "1", ...rest },
      expected: { refusal: malformed("id invalid_format") },
      over: "REST",
    },
    {
      name: `${operation.method.name} refuses an id that is no UUID`,
      operation,
      input: { id: "1", ...rest },
      expected: { refusal: invalid("id invalid_format") },
      over: "RPC",
    },
    {
      name: `${operation.method.name} is for nobody who is not signed in`,
      as: "nobody",
      operation,
      input: { id: Bun.randomUUIDv7(), ...rest },
      expected: { refusal: unauthenticated },
    },
  ]),
  {
    name: "the last admin cannot be disabled",
    operation: deleteUser,
    input: ({ tenant }) => ({ id: tenant.admin.user.id }),
    expected: { refusal: lastAdmin },
  },
  {
    name: "the last admin cannot be disabled by a change of status either",
    operation: updateUser,
    input: ({ tenant }) => ({ id: tenant.admin.user.id, status: "disabled" }),
    expected: { refusal: lastAdmin },
  },
  {
    name: "the last admin cannot be demoted",
    operation: assignRole,
    input: ({ tenant }) => ({ id: tenant.admin.user.id, role: "manager" }),
    expected: { refusal: lastAdmin },
  },
  {
    name: "the last admin keeps the role that is assigned once more",
    operation: assignRole,
    input: ({ tenant }) => ({ id: tenant.admin.user.id, role: "admin" }),
    expected: { value: { role: "admin", version: 1 } },
  },
  {
    name: "list refuses filters that there are not",
    operation: listUsers,
    input: { role: "boss", status: "asleep" },
    expected: { refusal: malformed("role invalid_value", "status invalid_value") },
    over: "REST",
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => testCases(world, refusals));
