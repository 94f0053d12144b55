// The conversation: a long answer is read from its question on, not from its end.
window.SpotWhisperer = window.SpotWhisperer || {};

(function (house) {
  const SETTLED_MS = 400; // the chat follows its own end for a moment after the last word

  house.showAnswer = function () {
    setTimeout(() => {
      const scroller = document.querySelector("#sw-chat .bubble-wrap");
      const question = [...document.querySelectorAll("#sw-chat .user-row")].pop();
      if (!scroller || !question) return;
      const above = question.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
      if (above < 0) scroller.scrollBy({ top: above - 8, behavior: "smooth" });
    }, SETTLED_MS);
  };
})(window.SpotWhisperer);
