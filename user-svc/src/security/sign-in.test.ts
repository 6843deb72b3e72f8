import { afterAll, describe, expect, test } from "bun:test";
import { startRedis } from "../../../tools/local/redis.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { PASSWORD, startServices } from "../../../tools/testing/services.ts";
import { session } from "../auth/sessions/schema.ts";

const redis = await startRedis();
const services = await startServices({
  // A Redis of its own: elsewhere others sign in wrongly from the same address.
  ...(redis !== null && { REDIS_URL: redis.url }),
  TRUSTED_HOPS: "1",
  LIMIT_LOGIN_PER_ADDRESS: "15/15m",
  LIMIT_LOGIN_PER_ACCOUNT: "5/15m",
  LIMIT_REGISTER_PER_ADDRESS: "4/1h",
  LIMIT_REFRESH_PER_ADDRESS: "5/1m",
});
const tenant = await services.newTenant();
afterAll(async () => {
  await services.stop();
  await redis?.stop();
});

let addresses = 0;
/** An IPv4 address that no other test has. */
const anAddress = () => `10.0.${++addresses >> 8}.${addresses & 255}`;

async function post(path: string, body: object, from: string): Promise<Response> {
  const response = await fetch(`${services.userUrl}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-for": from },
    body: JSON.stringify(body),
  });
  services.secrets.plant([body, await response.clone().json()]);
  return response;
}

function signIn(email: string, password: string, from: string): Promise<Response> {
  return post("/v1/auth/login", { tenant: tenant.slug, email, password }, from);
}

/** The statuses of tries made one after the other, each as `attempt` makes it. */
function statuses(tries: number, attempt: (index: number) => Promise<Response>): Promise<number[]> {
  return Array.fromAsync({ length: tries }, async (_, index) => (await attempt(index)).status);
}

const count = (list: readonly number[], status: number): number =>
  list.filter((each) => each === status).length;

/** So many wrong ones, then nothing but refusals. */
const wrongThenRefused = (wrong: number, refused: number): number[] => [
  ...Array<number>(wrong).fill(401),
  ...Array<number>(refused).fill(429),
];

const guess = "a-likely-password-1";

/** For thirty sign-ins: far less than a timeout of Redis for each. */
const NOT_STALLED_MS = 8_000;

describe("one password against many accounts from one source", () => {
  const spray = (index: number, from: string) =>
    signIn(`person-${index}@company.example`, guess, from);

  test("is stopped within twenty tries, even before a right one", async () => {
    const from = anAddress();
    expect(await statuses(20, (index) => spray(index, from))).toEqual(wrongThenRefused(15, 5));
    const { email } = tenant.admin.user;
    expect((await signIn(email, PASSWORD, from)).status).toBe(429);
    expect((await signIn(email, PASSWORD, anAddress())).status).toBe(200);
  });

  test("is stopped when all are tried at once", async () => {
    const from = anAddress();
    const tries = Array.from({ length: 40 }, async (_, at) => (await spray(at, from)).status);
    expect(count(await Promise.all(tries), 401)).toBe(15);
  });

  test("is stopped whatever X-Forwarded-For claims in front of the trusted proxy's part", async () => {
    const from = anAddress();
    const tries = statuses(20, (index) => spray(index, `${anAddress()}, ${from}`));
    expect(await tries).toEqual(wrongThenRefused(15, 5));
  });

  test("is stopped for a whole /64 of IPv6", async () => {
    const tries = statuses(20, (index) => spray(index, `2001:db8:1:2::${index.toString(16)}`));
    expect(await tries).toEqual(wrongThenRefused(15, 5));
    expect((await spray(20, "2001:db8:1:3::1")).status).toBe(401);
  });

  test("says when to come back", async () => {
    const from = anAddress();
    await statuses(15, (index) => spray(index, from));
    const { headers } = await spray(15, from);
    const seconds = Number(headers.get("retry-after"));
    expect(seconds).toBeWithin(800, 901);
    expect(headers.get("ratelimit")).toBe(`"login";r=0;t=${seconds}`);
    expect(headers.get("ratelimit-policy")).toBe('"login";q=15;w=900');
  });
});

test("who signs in rightly is not counted, however many do so from one address at once", async () => {
  const from = anAddress();
  const { user } = await tenant.addUser("sales");
  const tries = Array.from(
    { length: 30 },
    async () => (await signIn(user.email, PASSWORD, from)).status,
  );
  expect(count(await Promise.all(tries), 200)).toBe(30);
});

describe("many guesses at one account from many sources", () => {
  test("are slowed down, and the owner gets in from where they have signed in before", async () => {
    const { user } = await tenant.addUser("sales");
    const home = anAddress();
    expect((await signIn(user.email, PASSWORD, home)).status).toBe(200);

    const guesses = statuses(8, () => signIn(user.email, guess, anAddress()));
    expect(await guesses).toEqual(wrongThenRefused(5, 3));
    const elsewhere = await signIn(user.email, PASSWORD, anAddress());
    expect(elsewhere.status).toBe(429);
    expect(Number(elsewhere.headers.get("retry-after"))).toBeWithin(1, 16);
    expect((await signIn(user.email, PASSWORD, home)).status).toBe(200);
  });

  test("are slowed down at a known place as well", async () => {
    const { user } = await tenant.addUser("sales");
    const office = "2001:db8:5:5::1";
    expect((await signIn(user.email, PASSWORD, office)).status).toBe(200);
    const guesses = statuses(7, () => signIn(user.email, guess, "2001:db8:5:5::2"));
    expect(await guesses).toEqual(wrongThenRefused(5, 2));
    expect((await signIn(user.email, PASSWORD, anAddress())).status).toBe(200);
  });

  test("are slowed down when they come at once", async () => {
    const { user } = await tenant.addUser("sales");
    const tries = Array.from(
      { length: 20 },
      async () => (await signIn(user.email, guess, anAddress())).status,
    );
    expect(count(await Promise.all(tries), 401)).toBe(5);
  });

  test("are answered the same if there is no such account, or no such tenant", async () => {
    const accounts = [
      { tenant: tenant.slug, email: "nobody@company.example" },
      { tenant: "no-such-tenant", email: "nobody@company.example" },
    ];
    for (const account of accounts) {
      const tries = statuses(7, () =>
        post("/v1/auth/login", { ...account, password: guess }, anAddress()),
      );
      expect(await tries).toEqual(wrongThenRefused(5, 2));
    }
  });
});

test("registrations from one address are counted, right or not", async () => {
  const from = anAddress();
  const tries = statuses(6, (index) =>
    post(
      "/v1/auth/register",
      {
        tenant: { name: "New", slug: `new-${index % 3}` },
        email: "nora@new.example",
        password: PASSWORD,
        fullName: "Nora New",
      },
      from,
    ),
  );
  expect(await tries).toEqual([201, 201, 201, 409, 429, 429]);
});

test("wrong refresh tokens from one address are counted, right ones are not", async () => {
  const from = anAddress();
  let { refreshToken } = await tenant.addUser("sales");
  const rotations = statuses(7, async () => {
    const response = await post("/v1/auth/refresh", { refreshToken }, from);
    ({ refreshToken } = session.parse(await response.clone().json()));
    return response;
  });
  expect(count(await rotations, 200)).toBe(7);
  const wrong = statuses(7, () => post("/v1/auth/refresh", { refreshToken: "nonsense" }, from));
  expect(await wrong).toEqual(wrongThenRefused(5, 2));
});

test.skipIf(redis === null)("all of it holds, and nobody waits, when Redis hangs", async () => {
  if (redis === null) throw new Error("not installed");
  const { pid } = redis;
  const { user } = await tenant.addUser("sales");
  process.kill(pid, "SIGSTOP");
  try {
    const started = performance.now();
    const from = anAddress();
    const spray = (index: number) => signIn(`person-${index}@company.example`, guess, from);
    expect(await statuses(20, spray)).toEqual(wrongThenRefused(15, 5));
    const guesses = statuses(8, () => signIn(user.email, guess, anAddress()));
    expect(await guesses).toEqual(wrongThenRefused(5, 3));
    expect((await signIn(tenant.admin.user.email, PASSWORD, anAddress())).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(NOT_STALLED_MS);
  } finally {
    process.kill(pid, "SIGCONT");
  }
});

test("nothing of it was a bug", () => expectCleanLog(services));
