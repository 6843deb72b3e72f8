import type { Identity } from "../../duplicates/comparable.ts";
import type { Interaction } from "../schema.ts";

const E164 = /^\+[1-9][0-9]{1,14}$/;

/** A participant as the search for duplicates knows people: a name is "Jane Doe" or "Doe, Jane". */
export function identityOf({
  name,
  email,
  phone,
}: NonNullable<Interaction["participant"]>): Identity {
  const [family = "", given = ""] = (name ?? "").split(",", 2).map((part) => part.trim());
  const words = family.split(/\s+/);
  const lastName = given === "" ? (words.at(-1) ?? "") : family;
  const firstName = given === "" ? words.slice(0, -1).join(" ") : given;
  return {
    firstName: firstName === "" ? null : firstName,
    lastName: lastName === "" ? null : lastName,
    email,
    phone: phone !== null && E164.test(phone) ? phone : null,
    company: null,
    street: null,
    postalCode: null,
  };
}
