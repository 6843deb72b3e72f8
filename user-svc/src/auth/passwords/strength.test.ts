import { describe, expect, test } from "bun:test";
import { Failure } from "@crm/platform/errors";
import { assertStrongPassword } from "./strength.ts";

const hints = ["Wilhelmina Xu", "w.xu@rosenquist.example", "Rosenquist Ltd", "rosenquist"];

async function refusalOf(password: string): Promise<string | null> {
  try {
    await assertStrongPassword(password, hints, "newPassword");
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.fields).toHaveLength(1);
    expect(error).toMatchObject({ kind: "invalid", code: "invalid_fields" });
    expect(error.fields[0]).toMatchObject({ path: "newPassword", code: "too_weak" });
    return error.message;
  }
}

describe("a password that can be guessed is refused, with the reason:", () => {
  test.each([
    ["password1234", "commonly used password"],
    ["p@ssw0rd1234", "predictable letter substitutions"],
    ["aaaaaaaaaaaa", "Repeated characters"],
    ["abcabcabcabcabc", "Repeated character patterns"],
    ["qwertyuiop[]", "Straight rows of keys"],
    ["wilhelmina1", "Add more words"],
    ["rosenquist26", "Add more words"],
    ["w.xu@rosenquist", "personal"],
    ["€".repeat(24), "Repeated characters"],
  ])("%s", async (password, reason) => {
    expect((await refusalOf(password)) ?? "accepted").toContain(reason);
  });
});

test("the same without a connection to the person is accepted", async () => {
  await assertStrongPassword("rosenquist-ltd", []);
  expect(await refusalOf("rosenquist-ltd")).toContain("personal");
});

test.each([
  "tin-orbit-lemon-73",
  "a long enough password",
  "correct horse battery",
  "żółta gęś nie śpi",
  "x7$Kq!92vLpQ",
])("%s is accepted", async (password) => {
  expect(await refusalOf(password)).toBeNull();
});

test("the event loop goes on while passwords are looked at", async () => {
  await assertStrongPassword("tin-orbit-lemon-73", hints);
  const costly = "4@8({[</369&#!1/|0$5+7%24@8({[</369&#!1/|0$5+7%24@8({[</369&#!1/|0$5+7%2";
  let turns = 0;
  const counter = setInterval(() => turns++, 1);
  await Promise.all(Array.from({ length: 5 }, () => assertStrongPassword(costly, hints)));
  clearInterval(counter);
  // On the event loop there would be none at all.
  expect(turns).toBeGreaterThan(5);
});
