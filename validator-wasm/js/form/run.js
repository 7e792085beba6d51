// One run of a test, from the first stage to what came of it.

import { fill, h } from "./dom.js";
import { arrivalView, banner, deliverabilityView, failureView, problemView, tlsView, transcriptView } from "./report.js";
import { StageList, stageOrder } from "./stages.js";

export class Run {
  #form;
  #outcome;
  #about;
  #stages;
  #heading;
  #card;
  #details = h("div", { class: "details" });

  /** Shows the stages in `outcome`. `about`: what is done (`test`, `activate`, `rollback`), with which host. */
  constructor(form, outcome, about) {
    const { t } = form;
    this.#form = form;
    this.#outcome = outcome;
    this.#about = about;
    this.#stages = new StageList(t, stageOrder(about.security));
    this.#heading = h("h3", { id: "outcome-title" }, t("result.running", { host: about.host }));
    this.#card = h("section", { class: "card test", part: "test", "aria-labelledby": "outcome-title", "aria-busy": "true" }, this.#heading, this.#stages.root);
    fill(outcome, this.#card, this.#details);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#card.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
    form.announce(this.#heading.textContent);
  }

  /** A stage has come to its end. */
  pass(stage) {
    const { t, announce } = this.#form;
    this.#stages.pass(stage);
    announce(`${t(`stage.${stage.stage}`)}: ${t(`state.${stage.status}`)}`);
  }

  /** The answer is there. `active` is what is active now. */
  finish(report, activated, active) {
    const { t, announce } = this.#form;
    const { what } = this.#about;
    const host = activated && active ? active.settings.host : this.#about.host;
    const parts = [];
    if (report) {
      this.#stages.finish(report);
      const total = report.stages.reduce((sum, { ms }) => sum + (Number.isFinite(ms) ? ms : 0), 0);
      fill(this.#heading, h("span", { dir: "ltr" }, host), h("span", { class: "total" }, t("result.total", { time: t.duration(total) })));
    } else this.#card.remove();
    if (report?.failure) {
      const kept = what === "test" ? "" : t(active ? "result.kept" : "result.kept.platform");
      parts.push(failureView(this.#form, report.failure, kept));
    } else if (activated && !active) parts.push(banner("good", t("status.removed")));
    else {
      const title = activated ? t(what === "rollback" ? "status.rolledback" : "result.activated") : t("result.passed");
      parts.push(banner("good", title, h("p", { class: "lead" }, activated ? t("result.activated.text", { host }) : t("result.passed.text"))));
      if (report?.testMessage) parts.push(arrivalView(this.#form, report.testMessage, this.#about.sender ?? active?.settings.senderAddress ?? ""));
    }
    if (report) parts.push(deliverabilityView(this.#form, report.deliverability), tlsView(this.#form, report), transcriptView(this.#form, report.transcript));
    fill(this.#details, parts);
    this.#end();
    announce([...this.#details.firstChild.querySelectorAll("h4, .lead")].map((element) => element.textContent).join(". "));
  }

  /** There will be no report: stopped by the admin, or by an error. */
  stop(error) {
    const { t, announce } = this.#form;
    this.#stages.stop();
    this.#end();
    if (error) {
      this.#card.remove();
      fill(this.#details, problemView(t, error));
    } else {
      this.#heading.textContent = t("result.stopped");
      announce(t("result.stopped"));
    }
  }

  /** Nothing to show here. */
  leave() {
    fill(this.#outcome);
  }

  #end() {
    this.#card.setAttribute("aria-busy", "false");
  }
}
