import { expect, test } from "bun:test";
import { maskedPatch } from "./field-mask.ts";

const message = { name: "Company", address: { city: "Bern", street: "Gasse 1" } };

test("without a mask, the fields that the message has are the patch", () => {
  expect(maskedPatch(message, undefined)).toEqual(message);
  expect(maskedPatch(message, "")).toEqual(message);
  expect(maskedPatch(undefined, undefined)).toEqual({});
});

test("with a mask, its fields alone are, and are cleared where the message has none", () => {
  expect(maskedPatch(message, "name")).toEqual({ name: "Company" });
  expect(maskedPatch(message, "name,country")).toEqual({ name: "Company", country: null });
  expect(maskedPatch(undefined, "name")).toEqual({ name: null });
});

test("a mask may name single fields of a message within", () => {
  expect(maskedPatch(message, "address.city,address.region")).toEqual({
    address: { city: "Bern", region: null },
  });
});

test("a path that goes deeper stays as it is, to be refused as unknown", () => {
  expect(maskedPatch(message, "address.city.part")).toEqual({ "address.city.part": null });
});
