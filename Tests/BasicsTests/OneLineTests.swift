import Basics
import Testing

@Suite struct OneLineTests {
    @Test("every kind of line end and control character is gone, all else stays")
    func control() {
        #expect(oneLine("a\nb\r\nc\rd\u{2028}e\u{85}f") == "a; b; c; d; e; f")
        #expect(oneLine("\u{1B}[31m\0\t\u{7F}\u{9B}é €") == "?[31m????é €")
        #expect(oneLine("") == "")
    }

    @Test("a long text keeps its start and its end")
    func long() {
        #expect(oneLine(String(repeating: "x", count: 3000)).count == 3000)
        let cut = oneLine("start" + String(repeating: "x", count: 1 << 20) + "end")
        #expect(cut.count == 3001 && cut.hasPrefix("start") && cut.hasSuffix("end") && cut.contains("x…x"))
    }
}
