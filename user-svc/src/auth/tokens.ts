import { createPublicKey } from "node:crypto";
import { unauthenticated } from "@crm/platform/errors";
import {
  calculateJwkThumbprint,
  errors,
  exportJWK,
  importJWK,
  importPKCS8,
  importSPKI,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import { z } from "zod";
import type { UserConfig } from "../config.ts";

/** A token of ours is far shorter; what is longer is not looked at. */
const MAX_TOKEN_LENGTH = 4_096;
const CLOCK_TOLERANCE_S = 5;
const ALGORITHM = "RS256";
/** RFC 9068. */
const TYPE = "at+jwt";

const claims = z.object({
  sub: z.uuid(),
  tid: z.uuid(),
  sid: z.uuid(),
  role: z.string(),
  jti: z.uuid(),
  exp: z.number(),
});

export interface AccessClaims {
  readonly userId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly role: string;
}

/** What a genuine token says, and when it ends (milliseconds since 1970). */
export interface VerifiedClaims extends AccessClaims {
  readonly expiresAt: number;
}

/** Why a token stands for nobody. Told to services that ask, never to clients. */
export type TokenFault = "expired" | "malformed";

/** Signs and verifies access tokens: JWTs of RFC 9068, RS256, with the keys' thumbprints as `kid`. */
export interface AccessTokens {
  readonly lifetimeSeconds: number;
  readonly keySet: JSONWebKeySet;
  sign(claims: AccessClaims): Promise<string>;
  /** Throws `unauthenticated`, with the TokenFault as its cause. */
  verify(token: string): Promise<VerifiedClaims>;
}

/** Throws if a key is not what it must be. */
export async function accessTokens(config: UserConfig): Promise<AccessTokens> {
  const signingKey = await importPKCS8(config.JWT_SIGNING_KEY, ALGORITHM);
  const signing = await publicJwk(
    createPublicKey(config.JWT_SIGNING_KEY).export({ format: "pem", type: "spki" }).toString(),
  );
  const accepted = await Promise.all(pemBlocks(config.JWT_ACCEPTED_KEYS).map(publicJwk));
  // In a rotation both keys are accepted by name, and one of them signs.
  const jwks = [signing, ...accepted.filter(({ kid }) => kid !== signing.kid)];
  const keys = new Map(
    await Promise.all(jwks.map(async (jwk) => [jwk.kid, await importJWK(jwk)] as const)),
  );

  return {
    lifetimeSeconds: config.ACCESS_TOKEN_SECONDS,
    keySet: { keys: jwks },
    sign: ({ userId, tenantId, sessionId, role }) =>
      new SignJWT({ tid: tenantId, sid: sessionId, role })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: signing.kid })
        .setIssuer(config.JWT_ISSUER)
        .setAudience(config.JWT_AUDIENCE)
        .setSubject(userId)
        .setJti(Bun.randomUUIDv7())
        .setIssuedAt()
        .setExpirationTime(`${config.ACCESS_TOKEN_SECONDS} s`)
        .sign(signingKey),

    async verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) throw unauthenticated("malformed" satisfies TokenFault);
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            const key = keys.get(kid ?? "");
            if (key === undefined) throw new errors.JWKSNoMatchingKey();
            return key;
          },
          {
            // Without it jose takes PS256 and RS512 from an RSA key as well.
            algorithms: [ALGORITHM],
            typ: TYPE,
            issuer: config.JWT_ISSUER,
            audience: config.JWT_AUDIENCE,
            requiredClaims: ["exp", "iat"],
            maxTokenAge: `${config.ACCESS_TOKEN_SECONDS} s`,
            clockTolerance: CLOCK_TOLERANCE_S,
          },
        );
        const { sub, tid, sid, role, exp } = claims.parse(payload);
        return { userId: sub, tenantId: tid, sessionId: sid, role, expiresAt: exp * 1_000 };
      } catch (error) {
        const fault: TokenFault = error instanceof errors.JWTExpired ? "expired" : "malformed";
        throw unauthenticated(fault);
      }
    },
  };
}

async function publicJwk(spki: string): Promise<JWK & { readonly kid: string }> {
  const jwk = await exportJWK(await importSPKI(spki, ALGORITHM, { extractable: true }));
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM, use: "sig" };
}

function pemBlocks(text: string): string[] {
  return text.match(/-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g) ?? [];
}
