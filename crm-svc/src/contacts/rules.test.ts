import { describe, expect, test } from "bun:test";
import { applyPatch, isNamed, newContact } from "./rules.ts";

const creator = "01a203d3-cd0a-72ce-a323-b8a93caa45fb";
const address = {
  street: "Ring 1",
  city: "Köln",
  region: null,
  postalCode: "50667",
  country: "DE",
};
const ada = newContact(
  { firstName: "Ada", email: "ada@example.com", address, tags: ["vip"] },
  creator,
);

describe("a new contact", () => {
  test("belongs to who adds it, unless somebody or nobody is named", () => {
    expect(ada.ownerUserId).toBe(creator);
    expect(newContact({ ownerUserId: null }, creator).ownerUserId).toBeNull();
    expect(newContact({ ownerUserId: "other" }, creator).ownerUserId).toBe("other");
  });

  test("is a lead without tags by default", () => {
    expect(newContact({ lifecycleStage: null, tags: null }, creator)).toMatchObject({
      lifecycleStage: "lead",
      tags: [],
    });
  });

  test("is nameless without any of the names", () => {
    expect(isNamed(ada)).toBe(true);
    expect(isNamed(newContact({ phone: "1", title: "CEO" }, creator))).toBe(false);
  });
});

describe("a patch", () => {
  test("changes what it names and clears what it nulls", () => {
    expect(applyPatch(ada, { firstName: "Eve", email: null, tags: null })).toEqual({
      ...ada,
      firstName: "Eve",
      email: null,
      tags: [],
    });
    expect(applyPatch(ada, {})).toEqual(ada);
    expect(applyPatch(ada, { firstName: undefined })).toEqual(ada);
  });

  test("reaches into the address", () => {
    expect(applyPatch(ada, { address: { city: "Bonn", street: null } }).address).toEqual({
      ...address,
      city: "Bonn",
      street: null,
    });
    expect(applyPatch(ada, { address: null }).address).toBeNull();
    const emptied = { street: null, city: null, postalCode: null, country: null };
    expect(applyPatch(ada, { address: emptied }).address).toBeNull();
  });
});
