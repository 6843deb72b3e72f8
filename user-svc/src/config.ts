import { integer, rate, serviceConfig, url } from "@crm/platform/config";
import { z } from "zod";

/** A page that takes a one-time token; behind `#`, the token is in no server's log. */
const pageWithToken = z
  .string()
  .regex(/^https?:\/\/.*\{token\}/, "must be a URL with {token}, like https://…/#token={token}")
  .default("");

/** The variables that user-svc reads. */
export const userConfig = serviceConfig
  .extend({
    /** The RSA private key (PKCS #8, PEM) that signs access tokens. */
    JWT_SIGNING_KEY: z
      .string()
      .startsWith("-----BEGIN PRIVATE KEY-----", "must be an RSA private key: PKCS #8, in PEM"),
    /** Further public keys (SPKI, PEM, one after the other) whose tokens are still accepted. */
    JWT_ACCEPTED_KEYS: z.string().default(""),
    /** What is kept encrypted in the database (second factors) is readable with this alone. */
    ENCRYPTION_SECRET: z
      .string()
      .min(32, "must have at least 32 characters; openssl rand -base64 32"),
    JWT_ISSUER: z.string().default("crm-user-svc"),
    JWT_AUDIENCE: z.string().default("crm"),
    ACCESS_TOKEN_SECONDS: integer(30, 86_400).prefault("900"),
    REFRESH_TOKEN_DAYS: integer(1, 365).prefault("30"),
    BCRYPT_COST: integer(4, 15).prefault("12"),
    /** Invitations and resets are mailed by this server; without it, they are not. */
    SMTP_URL: url("smtp:", "smtps:").optional(),
    MAIL_FROM: z
      .string()
      .regex(/^[^\r\n]*@[^\r\n]*$/, "must be an address: CRM <crm@company.example>")
      .default(""),
    INVITATION_URL: pageWithToken,
    RESET_URL: pageWithToken,
    LIMIT_REGISTER_PER_ADDRESS: rate().prefault("20/1h"),
    /** Wrong passwords, codes and one-time tokens; who signs in rightly is not counted. */
    LIMIT_LOGIN_PER_ADDRESS: rate().prefault("15/15m"),
    /** Wrong refresh tokens. Browsers whose sessions were ended send some, without a person's doing. */
    LIMIT_REFRESH_PER_ADDRESS: rate().prefault("300/1m"),
    /** So many wrong passwords or codes in a row are free; then each waits longer, up to this time. */
    LIMIT_LOGIN_PER_ACCOUNT: rate().prefault("5/15m"),
  })
  .refine(({ NODE_ENV, BCRYPT_COST }) => NODE_ENV !== "production" || BCRYPT_COST >= 12, {
    path: ["BCRYPT_COST"],
    message: "must be at least 12 in production",
  })
  .superRefine((config, ctx) => {
    if (config.SMTP_URL === undefined) return;
    for (const name of ["MAIL_FROM", "INVITATION_URL", "RESET_URL"] as const) {
      if (config[name] !== "") continue;
      ctx.addIssue({ code: "custom", path: [name], message: "is not set, but SMTP_URL is" });
    }
  });

export type UserConfig = z.output<typeof userConfig>;
