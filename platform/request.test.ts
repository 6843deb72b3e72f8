import { describe, expect, test } from "bun:test";
import { clientAddress, requestOrigin, traceId } from "./request.ts";

const origin = (headers: Record<string, string>) =>
  requestOrigin(new Headers(headers), "10.0.0.9", 0);

describe("the client's address", () => {
  test("is the peer's, whatever the client claims, unless hops are trusted", () => {
    expect(clientAddress("6.6.6.6", "10.0.0.9", 0)).toBe("10.0.0.9");
    expect(clientAddress(null, "10.0.0.9", 0)).toBe("10.0.0.9");
  });

  test("is what the outermost trusted proxy saw", () => {
    expect(clientAddress("6.6.6.6, 1.2.3.4", "10.0.0.9", 1)).toBe("1.2.3.4");
    expect(clientAddress("6.6.6.6, 1.2.3.4, 10.0.0.8", "10.0.0.9", 2)).toBe("1.2.3.4");
    expect(clientAddress(null, "10.0.0.9", 2)).toBe("10.0.0.9");
    expect(clientAddress("6.6.6.6, [2001:DB8::1]:4711", "10.0.0.9", 1)).toBe("2001:db8::1");
    expect(clientAddress("6.6.6.6, unknown", "10.0.0.9", 1)).toBe("10.0.0.9");
  });
});

describe("the origin of a request", () => {
  test("takes a well-formed request id over and replaces any other", () => {
    expect(origin({ "x-request-id": "web-1234.a_B" }).requestId).toBe("web-1234.a_B");
    for (const odd of ["short", "a b c d e f g h", "x".repeat(200), "<script>1</script>"]) {
      expect(origin({ "x-request-id": odd }).requestId).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("continues a trace under a span of its own", () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const { traceparent } = origin({ traceparent: `00-${trace}-00f067aa0ba902b7-01` });
    expect(traceId(traceparent)).toBe(trace);
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(traceparent).not.toContain("00f067aa0ba902b7");
  });

  test("begins a trace where there is none, or a broken one", () => {
    const zero = "0".repeat(32);
    for (const headers of [
      {},
      { traceparent: "x" },
      { traceparent: `00-${zero}-00f067aa0ba902b7-01` },
    ]) {
      expect(origin(headers).traceparent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    }
  });

  test("knows bearer tokens by RFC 6750 and nothing else", () => {
    expect(origin({ authorization: "Bearer a.b-c_d~e+f/g==" }).token).toBe("a.b-c_d~e+f/g==");
    expect(origin({ authorization: "bearer abc" }).token).toBe("abc");
    const long = "a".repeat(4_096);
    expect(origin({ authorization: `Bearer ${long}` }).token).toBe(long);
    expect(origin({ authorization: `Bearer ${long}a` }).token).toBeUndefined();
    for (const other of ["abc", "Basic YTpi", "Bearer", "Bearer a b", "Bearer a,b"]) {
      expect(origin({ authorization: other }).token).toBeUndefined();
    }
  });
});
