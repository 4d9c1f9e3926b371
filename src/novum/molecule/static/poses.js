"use strict";
// Draws what is in #data: {receptor, box, poses: [{name, rows, drawing, sdf, view, contacts, pocket}]}.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const CARBON = "#1f9d61", OTHER = "#c65fae", POCKET = "#8d9bb0", FAR = "#b4bdca", RIBBON = "#d5dbe4", INK = "#39424e";
const picture = location.hash.startsWith("#picture");
let viewer = null, chosen = 0;

function point(p) { return { x: p[0], y: p[1], z: p[2] }; }

const ELEMENTS = { N: "#3050f8", O: "#e6261c", H: "#e8e8e8", S: "#c9a21a", P: "#e68a00", F: "#a5dd1f",
  Cl: "#7ed321", Br: "#a0402c", I: "#7d2f9c", B: "#d99a94", Si: "#b8935a", Se: "#c27a1a" };
const BACKBONE = ["N", "C", "O"];

function carbons(colour, radius) {
  const map = { ...$3Dmol.elementColors.defaultColors, ...ELEMENTS, C: colour };
  return { stick: { radius, colorscheme: { prop: "elem", map } } };
}

function label(text, at) {
  viewer.addLabel(text, { position: point(at), fontSize: 12, fontColor: INK, backgroundColor: "white",
    backgroundOpacity: 0.5, borderThickness: 0, inFront: true, alignment: "center" });
}

function drawReceptor(pose) {
  if (!data.receptor) { return; }
  const model = viewer.addModel(data.receptor, "pdb");
  model.setStyle({}, element("ribbon").checked ? { cartoon: { color: RIBBON, opacity: 0.6 } } : {});
  if (!element("pocket").checked) { return; }
  const touching = new Set(pose.contacts.map((contact) => contact.residue));
  for (const residue of pose.pocket) {
    const selected = { chain: residue.chain, resi: residue.resi };
    const whole = touching.has(residue.name) || residue.name.startsWith("Pro");
    if (!whole) { selected.not = { atom: BACKBONE }; }
    model.setStyle(selected, carbons(residue.near ? POCKET : FAR, residue.near ? 0.12 : 0.05), true);
    if (element("labels").checked && residue.near) { label(residue.name, residue.at); }
  }
}

function drawContacts(pose) {
  const named = new Set();
  for (const contact of pose.contacts) {
    viewer.addCylinder({ start: point(contact.ligand), end: point(contact.receptor), radius: 0.06,
      color: "#e0a100", dashed: true, dashLength: 0.22, gapLength: 0.16, fromCap: 1, toCap: 1 });
    if (!named.has(contact.residue) && !element("labels").checked) {
      label(contact.residue, contact.receptor);
      named.add(contact.residue);
    }
  }
}

function drawBox() {
  const [x, y, z] = data.box.size;
  viewer.addBox({ center: point(data.box.center), dimensions: { w: x, h: y, d: z },
    color: "#5b7bd5", wireframe: true });
}

function look(pose) {
  const ligand = viewer.getModel(-1);
  viewer.zoomTo({ model: ligand });
  const view = viewer.getView();
  viewer.setView([...view.slice(0, 4), ...pose.view]);
  viewer.zoom(data.receptor ? 0.8 : 0.95);
  if (data.receptor) { viewer.setSlab(-7, 24); }
}

function draw(again) {
  const pose = data.poses[chosen], view = again ? viewer.getView() : null;
  element("name").textContent = pose.name;
  viewer.clear();
  drawReceptor(pose);
  if (element("compare").checked && chosen !== 0) {
    viewer.addModel(data.poses[0].sdf, "sdf").setStyle({}, carbons(OTHER, 0.09));
  }
  const ligand = viewer.addModel(pose.sdf, "sdf");
  ligand.setStyle({}, carbons(CARBON, 0.2));
  if (element("contacts").checked) { drawContacts(pose); }
  if (data.box && element("box").checked) { drawBox(); }
  if (element("surface").checked && data.receptor) {
    const near = { or: pose.pocket.map((one) => ({ model: 0, chain: one.chain, resi: one.resi })) };
    viewer.addSurface($3Dmol.SurfaceType.SAS, { opacity: 0.6, color: "#dfe4ec" }, near, near);
  }
  if (view) { viewer.setView(view); } else { look(pose); }
  viewer.render();
}

function card(pose, number) {
  const box = document.createElement("label"), input = document.createElement("input");
  box.className = "molecule";
  Object.assign(input, { type: "radio", name: "molecule", checked: number === chosen });
  input.addEventListener("change", () => { chosen = number; draw(false); });
  const name = document.createElement("b"), text = document.createElement("span");
  name.textContent = pose.name;
  text.textContent = pose.rows.map(([head, value]) => `${head} ${value}`).join(" · ");
  box.append(input);
  if (pose.drawing) {
    const image = document.createElement("img");
    Object.assign(image, { src: pose.drawing, alt: "" });
    box.append(image);
  }
  box.append(name, text);
  return box;
}

function start() {
  if (picture) {
    document.body.classList.add("picture");
    element("labels").checked = true;
    chosen = Math.min(Number(location.hash.slice("#picture".length)) || 0, data.poses.length - 1);
  } else {
    chosen = data.poses.length - 1;
  }
  element("molecules").append(...data.poses.map(card));
  element("molecules").children[chosen].scrollIntoView({ block: "nearest" });
  for (const id of ["pocket", "ribbon", "surface"]) { element(id).parentElement.hidden = !data.receptor; }
  element("box").parentElement.hidden = !data.box;
  element("beside").hidden = data.poses.length < 2;
  viewer = $3Dmol.createViewer(element("view"), { backgroundColor: "white", antialias: true });
  if (!viewer) { throw new Error("no WebGL"); }
  for (const input of element("switches").querySelectorAll("input")) {
    input.addEventListener("change", () => draw(true));
  }
  element("home").addEventListener("click", () => draw(false));
  draw(false);
  document.body.dataset.drawn = String(chosen);
}

try {
  start();
} catch (error) {
  const problem = element("problem");
  problem.hidden = false;
  problem.textContent = `This browser cannot draw in three dimensions (WebGL): ${error.message}`;
}
