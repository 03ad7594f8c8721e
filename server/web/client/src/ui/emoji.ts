/** Offered as reactions. */
export const quickEmoji = ["👍", "❤️", "😂", "😮", "😢"];

/** Offered for writing. */
export const emoji = (
  "😀 😄 😁 😅 😂 🙂 😉 😊 😍 😘 😋 😜 🤔 🤨 😐 🙄 😏 😴 😎 🥳 😕 😟 😮 😢 😭 😱 😡 🤯 🤗 🤝 " +
  "👍 👎 👋 👏 🙏 💪 👀 🙌 ✌️ 🤞 👌 ❤️ 💔 💯 ✨ 🔥 🎉 🎂 🎁 🌹 🌞 🌙 ⭐ ☕ 🍵 🍺 🍕 🍎 🐱 🐶 " +
  "🌍 🏠 🚗 🚲 ✈️ ⏰ 📅 📎 📷 🎵 💡 ✅ ❌ ❓ ❗ ➡️ ⬅️ 🔒 🔑 📞"
).split(" ");
