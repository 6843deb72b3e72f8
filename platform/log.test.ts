import { describe, expect, test } from "bun:test";
import { openLog } from "./log.ts";

const TOKEN = "a".repeat(64);

/** The line that is written when this is logged. */
function lineOf(fields: object): string {
  let line = "";
  const write = (written: string): void => {
    line += written;
  };
  openLog("test", "info", { write }).info(fields);
  return line;
}

describe("a log line", () => {
  test("is JSON, and says when, how grave and by whom", () => {
    expect(JSON.parse(lineOf({ event: "tried", ms: 1.5 }))).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "info",
      service: "test",
      event: "tried",
      ms: 1.5,
    });
  });

  test.each([
    ["password", "tin-orbit-lemon-73"],
    ["currentPassword", "tin-orbit-lemon-73"],
    ["recoveryCodes", ["1234-5678"]],
    ["secret", 'JBSW"Y3DP\\EHPK3PXP'],
  ])("has no %s, at whatever depth", (name, value) => {
    const line = lineOf({ [name]: value, input: { [name]: value, of: [{ [name]: value }] } });
    expect(line).not.toMatch(/orbit|1234|Y3DP|PXP/);
    expect(JSON.parse(line)).toMatchObject({
      [name]: "[redacted]",
      input: { [name]: "[redacted]" },
    });
  });

  test.each([
    ["an e-mail address", "ada@company.example"],
    ["an e-mail address with odd letters", "jörg+crm@büro.example"],
    ["an e-mail address of an encoded domain", "ada@company.xn--p1ai"],
    ["an access token", `eyJhbGciOiJSUzI1NiJ9.${TOKEN}.${TOKEN}`],
    ["a refresh token", `crmr_${TOKEN}`],
    ["an API key", `crm_${TOKEN}`],
    ["an invitation", `crmi_${TOKEN}`],
  ])("has not %s, however it got there", (_what, secret) => {
    const error = new Error(`no such thing: ${secret}`, { cause: new Error(`(${secret})`) });
    const line = lineOf({
      path: `/v1/x/${secret}?q=${secret}`,
      deep: { deeper: [secret] },
      err: error,
    });
    expect(line).not.toContain(secret);
    expect(JSON.parse(line).err.message).toBe("no such thing: [redacted]");
  });

  test("has no password of a URL", () => {
    const { message } = JSON.parse(lineOf({ message: "postgres://crm_app:s3cret@127.0.0.1/crm" }));
    expect(message).toBe("postgres://crm_app:[redacted]@127.0.0.1/crm");
  });

  test("keeps the stack of an error, packages with their versions included", () => {
    const error = new Error("odd");
    error.stack =
      "Error: odd\n    at x (/srv/node_modules/.bun/@scope+pg@8.23.1/node_modules/pg/a.js:1:2)";
    expect(JSON.parse(lineOf({ err: error })).err.stack).toBe(error.stack);
  });

  test("tells of PostgreSQL's errors what failed, and not for which values", () => {
    const error = Object.assign(new Error("duplicate key value violates a constraint"), {
      code: "23505",
      constraint: "users_email_unique",
      detail: "Key (email)=(ada) already exists.",
      where: "COPY users, line 1: ada",
    });
    const { err } = JSON.parse(lineOf({ err: error }));
    expect(err).toMatchObject({ code: "23505", constraint: "users_email_unique" });
    expect(JSON.stringify(err)).not.toContain("ada");
  });

  test("does not spell out what was thrown and is no error", () => {
    expect(JSON.parse(lineOf({ err: { row: "tin-orbit-lemon-73" } })).err).toBe("object");
  });
});
