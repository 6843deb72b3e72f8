import { describe, expect, test } from "bun:test";
import { networkOf, parseAddress } from "./address.ts";

describe("parseAddress", () => {
  test.each([
    ["1.2.3.4", "1.2.3.4"],
    ["1.2.3.4:5678", "1.2.3.4"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["::FFFF:102:304", "1.2.3.4"],
    ["0:0:0:0:0:ffff:102:304", "1.2.3.4"],
    ["::1", "::1"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
  ])("reads %s as %s", (text, address) => {
    expect(parseAddress(text)).toBe(address);
  });

  test.each([
    "",
    "unknown",
    "_hidden",
    "proxy.example",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "::1::",
    "1:2",
  ])("takes %p for no address", (text) => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe("networkOf", () => {
  test.each([
    ["1.2.3.4", "1.2.3.4"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::5", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("puts %s into %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
