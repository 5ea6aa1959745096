// A real OpenID provider that behaves as ProConnect does: signed userinfo, ProConnect's scopes,
// a secret sent in the body. It also refuses what comes without PKCE (S256).
// PROVIDER holds: {port, clients: [{…}], accounts: {login: {claims}}, key: a private JWK}.
import { Provider } from "oidc-provider";

const { port, clients, accounts, key } = JSON.parse(process.env.PROVIDER);
const issuer = `http://127.0.0.1:${port}`;
const scopes = ["given_name", "usual_name", "email", "uid", "siret", "idp_id", "organizational_unit"];

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  cookies: { keys: ["tests only"] },
  clients: clients.map((client) => ({
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "client_secret_post",
    userinfo_signed_response_alg: "RS256",
    introspection_signed_response_alg: "RS256",
    ...client,
  })),
  scopes: ["openid", ...scopes],
  claims: { openid: ["sub"], acr: null, ...Object.fromEntries(scopes.map((name) => [name, [name]])) },
  acrValues: ["eidas1", "eidas2"],
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    jwtUserinfo: { enabled: true },
    backchannelLogout: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      // Of any resource that a client names (RFC 8707), a signed access token (RFC 9068).
      getResourceServerInfo: (_context, resource) => ({
        audience: resource,
        scope: ["openid", ...scopes].join(" "),
        accessTokenFormat: "jwt",
        accessTokenTTL: 600,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraTokenClaims: (_context, token) => token.resourceServer && accounts[token.accountId],
  // It refuses by default to ask addresses such as a test's own, and waits 2.5 s for them.
  fetch: (url, { dispatcher, signal, ...options }) =>
    fetch(url, { ...options, signal: AbortSignal.timeout(60_000) }),
  findAccount: (_context, login) =>
    accounts[login] && { accountId: login, claims: async () => ({ sub: login, ...accounts[login] }) },
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
