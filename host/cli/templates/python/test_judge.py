import unittest

from judge import judge

NOW = 1_800_000_000
SETTINGS = {"file": "/backups/last", "degraded_above_hours": 2}


class JudgeTest(unittest.TestCase):
    def test_a_clock_that_is_not_set_is_unhealthy(self):
        self.assertEqual(judge({}, NOW, None).status, "healthy")
        self.assertEqual(judge({}, 60, None).message, "the clock is not set")

    def test_an_old_file_is_degraded(self):
        self.assertEqual(judge(SETTINGS, NOW, lambda file: NOW - 3600).status, "healthy")
        old = judge(SETTINGS, NOW, lambda file: NOW - 3 * 3600)
        self.assertEqual(old.status, "degraded")
        self.assertEqual(old.message, "/backups/last is 3 hours old")

    def test_a_missing_file_is_an_error(self):
        def missing(file):
            raise FileNotFoundError(file)

        with self.assertRaises(FileNotFoundError):
            judge(SETTINGS, NOW, missing)


if __name__ == "__main__":
    unittest.main()
