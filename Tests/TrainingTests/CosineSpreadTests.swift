import Foundation
import Kernels
import Testing
import Training

@Suite struct CosineSpreadTests {
    @Test("mean, deviation and kurtosis are those of the definition")
    func definition() throws {
        // Mean 0, second moment 0.02, fourth 0.0008.
        let spread = try #require(CosineSpread(cosines: [-0.2, -0.1, -0.1, 0, 0, 0, 0, 0.1, 0.1, 0.2].map { $0 }))
        #expect(abs(spread.mean) < 1e-12)
        #expect(abs(spread.deviation - (0.12 / 10).squareRoot()) < 1e-12)
        #expect(abs(spread.kurtosis - ((0.0036 / 10) / (0.012 * 0.012) - 3)) < 1e-9)
        #expect(CosineSpread(cosines: [0.5]) == nil)
    }

    @Test("random directions are spread, one direction is a collapse, and the same batch gives the same figure")
    func collapse() throws {
        let rows = 200
        let width = 16
        let buffer = FloatBuffer(count: rows * width)
        let matrix = Matrix(buffer, rows: rows, columns: width)
        for row in 0..<rows {
            for column in 0..<width { matrix[row, column] = Float(sin(Double(row * 31 + column * row))) }
        }
        let spread = try #require(CosineSpread(of: matrix, seed: 1, batch: 2))
        #expect(!spread.isCollapsed, "\(spread)")
        #expect(CosineSpread(of: matrix, seed: 1, batch: 2) == spread)
        for row in 0..<rows { for column in 0..<width { matrix[row, column] = Float(column + 1) } }
        let collapsed = try #require(CosineSpread(of: matrix, seed: 1, batch: 2))
        #expect(collapsed.isCollapsed)
        #expect(collapsed.mean > 0.999)
    }
}
