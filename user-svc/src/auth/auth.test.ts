import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import { login, register } from "../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../tools/testing/api/contacts.ts";
import { createUser } from "../../../tools/testing/api/users.ts";
import {
  type Case,
  describeForEveryClient,
  type ExpectedRefusal,
  expectRefusal,
  invalid,
  testCases,
  unauthenticated,
  type World,
} from "../../../tools/testing/cases.ts";
import { PASSWORD, startServices } from "../../../tools/testing/services.ts";

const slugTaken = {
  kind: "duplicate",
  code: "slug_taken",
  fields: ["tenant.slug taken"],
} as const;

/** Adds one thing to a good registration that is not acceptable. */
function refusesToRegister(name: string, change: object, refusal: ExpectedRefusal): Case {
  const good = newCompany("never-made");
  return {
    name: `register refuses ${name}`,
    as: "nobody",
    operation: register,
    input: { ...good, ...change, tenant: { ...good.tenant, ...Reflect.get(change, "tenant") } },
    expected: { refusal },
  };
}

function newCompany(slug: string) {
  return {
    tenant: { name: "New Company", slug },
    email: "nora@new.example",
    password: PASSWORD,
    fullName: "Nora New",
  };
}

const registration: readonly Case[] = [
  {
    name: "register refuses a request without anything",
    as: "nobody",
    operation: register,
    input: {},
    expected: {
      refusal: invalid(
        "tenant required",
        "email required",
        "password required",
        "fullName required",
      ),
    },
  },
  refusesToRegister(
    "a name of nothing but spaces",
    { fullName: "   " },
    invalid("fullName too_small"),
  ),
  refusesToRegister(
    "a company's name of 201 characters",
    { tenant: { name: "n".repeat(201) } },
    invalid("tenant.name too_big"),
  ),
  refusesToRegister(
    "NUL in a name",
    { tenant: { name: "New\0Company" } },
    invalid("tenant.name nul"),
  ),
  refusesToRegister(
    "a password of 11 characters",
    { password: "eleven char" },
    invalid("password too_short"),
  ),
  refusesToRegister(
    "a password of 73 bytes",
    { password: "p".repeat(73) },
    invalid("password too_long"),
  ),
  refusesToRegister(
    "a password of 25 characters that are 75 bytes",
    { password: "€".repeat(25) },
    invalid("password too_long"),
  ),
  ...[
    "nora",
    "nora@",
    "@new.example",
    "nora new@new.example",
    "nora@new..example",
    "n@n@n.example",
  ].map((email) =>
    refusesToRegister(`the e-mail ${email}`, { email }, invalid("email invalid_format")),
  ),
  refusesToRegister(
    "an e-mail of 255 characters",
    { email: `${"n".repeat(243)}@new.example` },
    invalid("email too_big"),
  ),
  ...[
    ["password1234", "commonly used"],
    ["never-made-2", "the company's slug in it"],
    ["nora@new.example", "the e-mail address"],
  ].map(([password = "", what]) =>
    refusesToRegister(
      `the password ${password}: ${what}`,
      { password },
      invalid("password too_weak"),
    ),
  ),
  ...["-new", "new-", "new_company", "new company", "néw"].map((slug) =>
    refusesToRegister(
      `the slug ${slug}`,
      { tenant: { slug } },
      invalid("tenant.slug invalid_format"),
    ),
  ),
  refusesToRegister(
    "a slug of 64 characters",
    { tenant: { slug: "s".repeat(64) } },
    invalid("tenant.slug too_big"),
  ),
  {
    ...refusesToRegister(
      "fields that it does not know",
      { role: "admin", tenant: { id: Bun.randomUUIDv7() } },
      invalid("role unknown_field", "tenant.id unknown_field"),
    ),
    over: "REST",
  },
  {
    ...refusesToRegister(
      "values of a wrong type",
      { email: 7, fullName: null, password: true },
      invalid("email invalid_type", "fullName invalid_type", "password invalid_type"),
    ),
    over: "REST",
  },
  {
    name: "register refuses a slug that is taken",
    as: "nobody",
    operation: register,
    input: ({ tenant }) => newCompany(tenant.slug),
    expected: { refusal: slugTaken },
  },
  {
    name: "register refuses a slug that is taken, in other letters",
    as: "nobody",
    operation: register,
    input: ({ tenant }) => newCompany(` ${tenant.slug.toUpperCase()} `),
    expected: { refusal: slugTaken },
  },
];

const signIn: readonly Case[] = [
  {
    name: "login takes slug and e-mail in any letters, with spaces around",
    as: "nobody",
    operation: login,
    input: ({ tenant }) => ({
      tenant: ` ${tenant.slug.toUpperCase()} `,
      email: " Admin@Company.Example ",
      password: PASSWORD,
    }),
    expected: { value: { user: { email: "admin@company.example", role: "admin" } } },
  },
  {
    name: "login refuses a request without anything",
    as: "nobody",
    operation: login,
    input: {},
    expected: { refusal: invalid("tenant required", "email required", "password required") },
  },
  {
    name: "login takes no half of a second step",
    as: "nobody",
    operation: login,
    input: { tenant: "some", code: "123456" },
    expected: { refusal: invalid("challenge required", "tenant unknown_field") },
  },
  {
    name: "login refuses a password that nobody can have",
    as: "nobody",
    operation: login,
    input: { tenant: "some", email: "a@b.example", password: "p".repeat(73) },
    expected: { refusal: invalid("password too_long") },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  const { tenant } = world;
  const credentials = {
    tenant: tenant.slug,
    email: tenant.admin.user.email,
    password: PASSWORD,
  };
  const anonymously = { as: "nobody" } as const;

  testCases(world, registration);

  test("register makes a tenant and its admin, and signs the admin in", async () => {
    const slug = `${tenant.slug}-new`;
    const made = await world.get(
      register,
      { ...newCompany(slug), email: " Nora@New.Example ", fullName: "  Nora New " },
      anonymously,
    );
    expect(made).toMatchObject({
      tenant: { name: "New Company", slug, version: 1 },
      user: {
        email: "nora@new.example",
        fullName: "Nora New",
        role: "admin",
        status: "active",
        version: 1,
      },
      tokenType: "Bearer",
      expiresIn: 900,
    });
    const page = await world.get(listContacts, {}, { token: made.accessToken });
    expect(page).toEqual({ items: [], nextCursor: null });
    const again = { tenant: slug, email: "nora@new.example", password: PASSWORD };
    const { user } = await world.get(login, again, anonymously);
    expect(user).toEqual(made.user);
  });

  test.each([
    ["12 characters", "twelve chars"],
    ["72 bytes", `tin-orbit-lemon-73${"€".repeat(18)}`],
    ["spaces at its ends, which count", "  spaces  at  ends  "],
  ])("a password may have %s", async (_, password) => {
    const slug = `${tenant.slug}-${Bun.hash(password).toString(36)}`;
    await world.get(register, { ...newCompany(slug), password }, anonymously);
    const attempt = { tenant: slug, email: "nora@new.example", password };
    await world.get(login, attempt, anonymously);
    const similar = { ...attempt, password: ` ${password.trim()}`.slice(0, -1) };
    expectRefusal(world, await world.call(login, similar, anonymously), unauthenticated);
  });

  test("of ten that register the same slug at once, one gets it", async () => {
    const slug = `${tenant.slug}-at-once`;
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, () => world.call(register, newCompany(slug), anonymously)),
    );
    const refused = outcomes.filter((outcome) => !outcome.ok);
    expect(refused).toHaveLength(9);
    for (const outcome of refused) expectRefusal(world, outcome, slugTaken);
  });

  testCases(world, signIn);

  test("login answers the same, whatever does not fit", async () => {
    const disabled = await tenant.addUser("sales");
    await disable(world, disabled.user.id);
    const invited = { email: "invited@company.example", fullName: "Ina Invited", role: "sales" };
    await world.get(createUser, invited);
    const outcomes = await Promise.all(
      [
        { ...credentials, password: `${PASSWORD}!` },
        { ...credentials, email: "nobody@company.example" },
        { ...credentials, tenant: `${tenant.slug}-none` },
        { ...credentials, tenant: "not a slug" },
        { ...credentials, email: "not an e-mail" },
        { ...credentials, email: disabled.user.email },
        { ...credentials, email: invited.email },
        { challenge: "made up", code: "123456" },
      ].map((attempt) => world.call(login, attempt, anonymously)),
    );
    for (const outcome of outcomes) {
      expectRefusal(world, outcome, unauthenticated);
      expect([outcome]).toEqual(outcomes.slice(0, 1));
    }
  });
});

async function disable({ services: { database } }: World, userId: string): Promise<void> {
  await withClient(database.ownerUrl, (owner) =>
    owner.query("UPDATE identity.users SET status = 'disabled' WHERE user_id = $1", [userId]),
  );
}
