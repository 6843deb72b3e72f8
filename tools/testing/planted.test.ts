import { expect, test } from "bun:test";
import { plantedSecrets } from "./planted.ts";

const TOKEN = "a".repeat(64);

test("finds what was sent or received as a secret, at whatever depth", () => {
  const secrets = plantedSecrets();
  secrets.plant([
    { password: 'tin "orbit" 73', tenant: "demo" },
    { value: { items: [{ recoveryCodes: ["1234-5678"] }] } },
  ]);
  const clean = ['{"tenant":"demo"}', '{"event":"request","ms":12.5}'];
  const telltale = [
    JSON.stringify({ message: 'it was tin "orbit" 73' }),
    '{"deep":{"list":["x 1234-5678"]}}',
  ];
  expect(secrets.findIn([...clean, ...telltale])).toEqual(telltale);
});

test.each([`crmr_${TOKEN}`, `crm_${TOKEN}`, `eyJhbGciOiJSUzI1NiJ9.${TOKEN}.x`, "ada@demo.example"])(
  "finds what looks like a secret: %s",
  (secret) => {
    expect(plantedSecrets().findIn([`{"path":"/${secret}"}`, "{}"])).toHaveLength(1);
  },
);
