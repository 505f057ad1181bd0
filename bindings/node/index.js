export { JarSession, SessionJar } from './jar.js';
export { sealData, sealDataSync, unsealData, unsealDataSync } from './seal.js';
export { getIronSession, nextProxyCookies, nodeCookies, webCookies } from './session.js';
