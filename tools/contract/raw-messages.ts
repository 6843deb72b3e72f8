import { create, toBinary } from "@bufbuild/protobuf";
import {
  CreateContactRequestSchema,
  GetContactRequestSchema,
  UpdateContactRequestSchema,
} from "@crm/proto/crm/v1/contact_pb";

export type Bytes = Uint8Array<ArrayBuffer>;

export const NOBODYS_ID = Bun.randomUUIDv7();

export const bytes = (...values: number[]): Bytes => new Uint8Array(values);
export const joined = (...parts: Bytes[]): Bytes => new Uint8Array(Buffer.concat(parts));

/** A CreateContactRequest. */
export function creation(firstName: string): Bytes {
  const request = create(CreateContactRequestSchema, { contact: { firstName } });
  return toBinary(CreateContactRequestSchema, request);
}

/** An UpdateContactRequest whose field mask has these paths. */
export function masked(...paths: string[]): Bytes {
  const request = create(UpdateContactRequestSchema, {
    id: NOBODYS_ID,
    contact: { firstName: "Ada" },
    updateMask: { paths },
  });
  return toBinary(UpdateContactRequestSchema, request);
}

/** A GetContactRequest. */
export function reading(id: string): Bytes {
  return toBinary(GetContactRequestSchema, create(GetContactRequestSchema, { id }));
}

/** Field 111, a varint; no message of ours has it. */
export const UNKNOWN_FIELD = bytes(0xf8, 0x06, 0x01);

/**
 * gRPC's length-prefixed message.
 *
 * @param flags 1 says that it is compressed.
 * @param length what the prefix claims.
 */
export function frame(message: Bytes, flags = 0, length = message.length): Bytes {
  const prefixed = new Uint8Array(5 + message.length);
  const view = new DataView(prefixed.buffer);
  view.setUint8(0, flags);
  view.setUint32(1, length);
  prefixed.set(message, 5);
  return prefixed;
}
