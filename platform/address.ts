import { isIP } from "node:net";

/**
 * An IP address in its canonical form, or null if the text is none. A port behind it, brackets and a
 * zone, which some proxies add, are left out; an IPv4-mapped IPv6 address is the IPv4 one that it is.
 */
export function parseAddress(text: string): string | null {
  const bare =
    /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/%.*$/, "");
  if (isIP(address) !== 6) return isIP(address) === 4 ? address : null;
  const groups = groupsOf(address);
  // RFC 4291, section 2.5.5.2.
  const [high = 0, low = 0] = groups.slice(6);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  // RFC 5952, which WHATWG's URLs follow.
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/**
 * Where an address is, for those who count or remember sources: an IPv4 address itself, the /64 of an
 * IPv6 one, because a single subscriber has at least that many.
 */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const prefix = groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16));
  return `${prefix.join(":")}::/64`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  // Without a dotted quad at its end, and with one `::` at most.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const numbers = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const left = numbers(head);
  const right = numbers(tail ?? "");
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}
